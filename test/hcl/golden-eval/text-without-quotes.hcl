staging
