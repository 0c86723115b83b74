// Signs in by a browser, on whichever machine that one is (RFC 8628): shows a code, and waits until a person has
// confirmed it there.
import { setTimeout as delay } from 'node:timers/promises';
import { deviceAuthorizationSchema, tokenAnswerSchema, tokenErrorSchema } from '../protocol/api/oauth.ts';
import type { TokenAnswer } from '../protocol/api/oauth.ts';
import { Failure } from '../protocol/failures.ts';
import type { Client } from './client.ts';
import { paint } from './print.ts';
import type { Printer } from './print.ts';
import { clientId, tokenPath } from './sign-in.ts';

const devicePath = '/oauth2/device';
const scope = 'openid offline_access wayside';
const grantType = 'urn:ietf:params:oauth:grant-type:device_code';
const intervalSDefault = 5;

/** Throws `canceled` where the person stops it, and `expired` where nobody confirms it in time. */
export async function signInByDevice(client: Client, print: Printer): Promise<TokenAnswer> {
  const { status, body } = await client.form(devicePath, { client_id: clientId, scope });
  if (status !== 200) throw refusedBy(body);
  const device = deviceAuthorizationSchema.parse(body);
  tell(print, device);
  const endsAt = Date.now() + device.expires_in * 1_000;
  let intervalS = device.interval ?? intervalSDefault;
  while (Date.now() < endsAt) {
    await delay(intervalS * 1_000);
    const answer = await client.form(tokenPath, {
      grant_type: grantType,
      client_id: clientId,
      device_code: device.device_code,
    });
    if (answer.status === 200) return tokenAnswerSchema.parse(answer.body);
    const { error } = tokenErrorSchema.parse(answer.body);
    if (error === 'slow_down') intervalS += intervalSDefault;
    else if (error !== 'authorization_pending') throw refusedBy(answer.body);
  }
  throw expired();
}

function tell(print: Printer, device: ReturnType<typeof deviceAuthorizationSchema.parse>): void {
  const { user_code: code, verification_uri: address, verification_uri_complete: whole } = device;
  if (print.json) {
    print.data({ verification_uri: address, verification_uri_complete: whole ?? null, user_code: code });
    return;
  }
  print.err('To sign in, open this page in a browser, here or on another machine:');
  print.err('');
  print.err(`  ${paint(print, 'bold', address)}`);
  print.err('');
  print.err(`and enter the code ${paint(print, 'bold', code)}. Or open it with the code filled in:`);
  print.err(`  ${whole ?? address}`);
  print.err('');
  print.err(`Waiting for ${Math.round(device.expires_in / 60)} minutes at the most; ^C stops.`);
}

function refusedBy(body: unknown): Failure {
  const { error, error_description: description } = tokenErrorSchema.parse(body);
  if (error === 'access_denied') return new Failure('canceled', 'It was stopped in the browser.');
  if (error === 'expired_token') return expired();
  return new Failure('not_signed_in', `The server did not go on: ${description ?? error}.`);
}

function expired(): Failure {
  return new Failure('expired', 'Nobody confirmed the code in time. Run `wayside login` again.');
}
