// The pages on which a person confirms a device (RFC 8628, section 3.3).
import type { Configuration } from 'oidc-provider';
import { confirmPage, messagePage, userCodePage } from './pages.ts';
import { paths } from './paths.ts';

type DeviceFlow = NonNullable<NonNullable<Configuration['features']>['deviceFlow']>;

export const devicePages: Pick<
  DeviceFlow,
  'userCodeInputSource' | 'userCodeConfirmSource' | 'successSource'
> = {
  userCodeInputSource: (ctx, form, _out, error) => {
    ctx.type = 'html';
    if (error !== undefined && ctx.oidc.session?.exp === undefined) {
      // The library has begun a session for the form after the last moment at which it could have been kept, and fails
      // where it tries to; a form without a session would lead nowhere either.
      Reflect.set(Object(ctx.oidc.session), 'touched', false);
      ctx.body = messagePage(
        'This sign-in is over',
        `It took too long, or this browser keeps no cookies. Open ${paths.verification} again.`,
      );
      return;
    }
    ctx.body = userCodePage(withoutHandlers(form), error === undefined ? null : complaintOf(error));
  },
  userCodeConfirmSource: (ctx, form, client, _device, code) => {
    ctx.type = 'html';
    ctx.body = confirmPage(form, { client: client.clientName ?? client.clientId, code });
  },
  successSource: (ctx) => {
    ctx.type = 'html';
    ctx.body = messagePage('Signed in', 'The device has what it needs. You can close this page.');
  },
};

/** The library's field selects its text by a handler, which our policy would refuse, and report. */
function withoutHandlers(form: string): string {
  return form.replace(/ on[a-z]+="[^"]*"/g, '');
}

function complaintOf(error: { readonly name?: string; readonly userCode?: unknown }): string {
  if (error.name === 'AbortedError') return 'It was stopped. Nothing was given away.';
  if (error.userCode !== undefined || error.name === 'NoCodeError') {
    return 'There is no such code, or it has expired. Codes live for some minutes.';
  }
  return 'That did not work. Ask the device for a new code.';
}
