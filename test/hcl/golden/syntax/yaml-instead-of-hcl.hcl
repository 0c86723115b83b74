group: prod
actions:
  - name: launch
