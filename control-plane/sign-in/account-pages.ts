// The page of somebody's own account: what they sign in with, and where they are signed in.
import type { Factors } from './factor-store.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { alert, hidden, note } from './page.ts';
import type { Page } from './page.ts';

export interface SessionShown {
  readonly id: string;
  readonly isThis: boolean;
  readonly address: string;
  readonly userAgent: string;
  readonly lastSeenAt: number;
}

export function accountPage(shown: {
  readonly name: string;
  readonly factors: Factors;
  readonly links: readonly { readonly provider: string; readonly name: string }[];
  readonly sessions: readonly SessionShown[];
  readonly elevatedUntil: number | null;
  readonly passkeys: boolean;
  readonly error: string | null;
  readonly said: string | null;
}): Page {
  const { factors } = shown;
  const body = html`${alert(shown.error)} ${note(shown.said)}
    <p>You are signed in as <strong>${shown.name}</strong>.</p>
    ${shown.elevatedUntil === null ? null : note(`Elevated until ${clock(shown.elevatedUntil)}.`)}
    <form method="post" action="/account/sign-out"><button>Sign out</button></form>
    <h2>Password</h2>
    <p>
      ${factors.passwordChangedAt === null ? 'You have none.' : `Set on ${day(factors.passwordChangedAt)}.`}
    </p>
    <form method="post" action="/account/password">
      <input type="text" name="name" value="${shown.name}" autocomplete="username" hidden />
      <label for="password">New password</label>
      <input id="password" name="password" type="password" autocomplete="new-password" required />
      <label for="again">The same again</label>
      <input id="again" name="again" type="password" autocomplete="new-password" required />
      <button>Change it</button>
    </form>
    <h2>Authenticator application</h2>
    ${totpSection(factors)}
    <h2>Passkeys</h2>
    ${passkeySection(factors, shown.passkeys)}
    <h2>Recovery codes</h2>
    <p>
      ${factors.recoveryCodes.length} are left. Each gets you in once where your second factor is out of
      reach.
    </p>
    ${button('/account/recovery-codes', 'Make new codes')} ${linkSection(shown.links)}
    <h2>Sessions</h2>
    <table>
      <tr>
        <th>Last used</th>
        <th>Address</th>
        <th>Browser</th>
        <th></th>
      </tr>
      ${shown.sessions.map(sessionRow)}
    </table>
    ${button('/account/sign-out-everywhere', 'Sign out everywhere')}`;
  return { title: 'Your account', body };
}

function totpSection({ totp }: Factors): Html {
  return totp === null
    ? html`<p>None is set up.</p>
        ${button('/account/totp', 'Set one up')}`
    : html`<p>Set up on ${day(totp.created_at)}.</p>
        ${button('/account/totp', 'Replace it')} ${button('/account/totp/remove', 'Remove it')}`;
}

function passkeySection({ passkeys }: Factors, canAdd: boolean): Html {
  const rows = passkeys.map(
    (key) =>
      html`<tr>
        <td>${key.name}</td>
        <td>${key.last_used_at === null ? 'never used' : `used ${day(key.last_used_at)}`}</td>
        <td>${button('/account/passkeys/remove', 'Remove', { id: key.id })}</td>
      </tr>`,
  );
  const add = html`<form data-passkey="add" hidden>
    <label for="passkey-name">Name of the new one</label>
    <input id="passkey-name" name="name" type="text" maxlength="63" required />
    <button>Add a passkey</button>
    <p role="status"></p>
  </form>`;
  return html`${
    passkeys.length === 0
      ? html`<p>You have none.</p>`
      : html`<table>
          ${rows}
        </table>`
  }
  ${canAdd ? add : html`<p>This server is reached by an address, and passkeys need a name.</p>`}`;
}

function linkSection(links: readonly { readonly provider: string; readonly name: string }[]): Html | null {
  if (links.length === 0) return null;
  return html`<h2>Identity providers</h2>
    <ul>
      ${links.map(({ provider, name }) => html`<li>${provider} as ${name}</li>`)}
    </ul>`;
}

function sessionRow(session: SessionShown): Html {
  return html`<tr>
    <td>${clock(session.lastSeenAt)}</td>
    <td>${session.address}</td>
    <td>${session.isThis ? 'this one' : session.userAgent.slice(0, 60)}</td>
    <td>${session.isThis ? null : button('/account/sessions/end', 'End', { id: session.id })}</td>
  </tr>`;
}

function button(action: string, label: string, fields: Readonly<Record<string, string>> = {}): Html {
  return html`<form method="post" action="${action}">${hidden(fields)}<button>${label}</button></form>`;
}

export function totpPage(shown: {
  readonly seed: string;
  readonly uri: string;
  readonly error: string | null;
}): Page {
  const body = html`${alert(shown.error)}
    <p>
      Open <a href="${shown.uri}">this link</a> on the device of your authenticator application, or type this
      in:
    </p>
    <p><code>${shown.seed.replace(/(.{4})(?=.)/g, '$1 ')}</code></p>
    <p>It makes six digits every 30 seconds (SHA-1).</p>
    <form method="post" action="/account/totp/confirm">
      <label for="code">The code that it shows now</label>
      <input
        id="code"
        name="code"
        type="text"
        inputmode="numeric"
        autocomplete="one-time-code"
        required
        autofocus
      />
      <button>Confirm</button>
    </form>
    <p><a href="/account">Leave it</a></p>`;
  return { title: 'Set up an authenticator application', body };
}

export function recoveryCodesPage(codes: readonly string[]): Page {
  const body = html`<p>
      Write these down. They are shown once, each works once, and all older ones are void.
    </p>
    <ul>
      ${codes.map((code) => html`<li><code>${code}</code></li>`)}
    </ul>
    <p><a href="/account">Done</a></p>`;
  return { title: 'Recovery codes', body };
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

function clock(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
