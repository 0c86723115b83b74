// What a command is told of the API: nothing without a token, and an address only by the agent's own settings.
import { expect, test } from 'vitest';
import { apiVariables } from '../../../agent/operations/api-variables.ts';

const token = `wsr_${'A'.repeat(44)}`;
const url = 'https://wayside.example.com';

test('without a token a command learns nothing of the API', () => {
  expect(apiVariables({}, { api: { url, caFile: '/ca.pem' } })).toEqual({});
});

test('the address is the word of the settings', () => {
  expect(apiVariables({ token }, { api: null })).toEqual({ WAYSIDE_TOKEN: token });
  expect(apiVariables({ token }, { api: { url, caFile: null } })).toEqual({
    WAYSIDE_TOKEN: token,
    WAYSIDE_URL: url,
  });
  expect(apiVariables({ token }, { api: { url, caFile: '/ca.pem' } })).toEqual({
    WAYSIDE_TOKEN: token,
    WAYSIDE_URL: url,
    WAYSIDE_CA_FILE: '/ca.pem',
  });
});
