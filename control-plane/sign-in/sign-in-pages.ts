// The pages on which somebody signs in: pure functions from what is known to HTML.
import type { Html } from './html.ts';
import { html } from './html.ts';
import { alert, hidden, note } from './page.ts';
import type { Page } from './page.ts';

export interface ProviderChoice {
  readonly name: string;
}

/** What a form carries along, so that the sign-in ends where it began. */
export type Carried = Readonly<Record<string, string>>;

export function signInPage(shown: {
  readonly carried: Carried;
  readonly name: string;
  readonly error: string | null;
  /** Asks for a code beside the password: attempts at this account are slowed down. */
  readonly withCode: boolean;
  readonly passkeys: boolean;
  readonly providers: readonly ProviderChoice[];
}): Page {
  const body = html`${alert(shown.error)}
    <form method="post" action="/sign-in">
      ${hidden(shown.carried)}
      <label for="name">Name</label>
      <input
        id="name"
        name="name"
        type="text"
        value="${shown.name}"
        autocomplete="username"
        autocapitalize="none"
        required
        autofocus
      />
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password" required />
      ${shown.withCode ? codeField('Code or recovery code, to get in at once') : null}
      <button>Sign in</button>
    </form>
    ${shown.passkeys ? passkeyForm(shown.carried, 'Sign in with a passkey') : null}
    ${providerForms(shown.providers, shown.carried)}`;
  return { title: 'Sign in', body };
}

function codeField(label: string): Html {
  return html`<label for="code">${label}</label>
    <input
      id="code"
      name="code"
      type="text"
      inputmode="text"
      autocomplete="one-time-code"
      autocapitalize="none"
    />`;
}

/** Shown by the script, where there is one. */
function passkeyForm(carried: Carried, label: string): Html {
  return html`<form data-passkey="use" hidden>
    ${hidden(carried)}
    <button>${label}</button>
    <p role="status"></p>
  </form>`;
}

function providerForms(providers: readonly ProviderChoice[], carried: Carried): readonly Html[] {
  return providers.map(
    ({ name }) =>
      html`<form method="get" action="/sign-in/with/${encodeURIComponent(name)}">
        ${hidden(carried)}
        <button>Sign in with ${name}</button>
      </form>`,
  );
}

export function secondFactorPage(shown: {
  readonly error: string | null;
  readonly passkeys: boolean;
  readonly carried: Carried;
}): Page {
  const body = html`${alert(shown.error)}
    <form method="post" action="/sign-in/second-factor">
      ${codeField('Code of your authenticator application, or a recovery code')}
      <button>Go on</button>
    </form>
    ${shown.passkeys ? passkeyForm(shown.carried, 'Use a passkey') : null}
    <p><a href="/sign-in">Begin again</a></p>`;
  return { title: 'Second factor', body };
}

export function setupPage(shown: {
  readonly code: string;
  readonly name: string;
  readonly error: string | null;
}): Page {
  const body = html`${alert(shown.error)}
    <p>
      Choose the password of <strong>${shown.name}</strong>: 12 characters or more. A few words in a row are a
      good one.
    </p>
    <form method="post" action="/sign-in/setup">
      ${hidden({ code: shown.code })}
      <input type="text" name="name" value="${shown.name}" autocomplete="username" hidden />
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="new-password" required autofocus />
      <label for="again">The same again</label>
      <input id="again" name="again" type="password" autocomplete="new-password" required />
      <button>Set the password</button>
    </form>`;
  return { title: 'Set a password', body };
}

export function elevatePage(shown: {
  readonly carried: Carried;
  readonly name: string;
  readonly reason: string;
  /** False where somebody only has to show again who they are. */
  readonly elevates: boolean;
  readonly error: string | null;
  readonly hasPassword: boolean;
  readonly asksForCode: boolean;
  readonly passkeys: boolean;
  readonly providers: readonly ProviderChoice[];
}): Page {
  const why = shown.elevates
    ? html`<label for="reason">What do you need it for? It is written into the audit trail.</label>
        <input id="reason" name="reason" type="text" value="${shown.reason}" maxlength="500" required />`
    : null;
  const form = html`<form method="post" action="/sign-in/elevate">
    ${hidden(shown.carried)} ${why}
    <input type="text" name="name" value="${shown.name}" autocomplete="username" hidden />
    <label for="password">Password of ${shown.name}</label>
    <input id="password" name="password" type="password" autocomplete="current-password" required />
    ${shown.asksForCode ? codeField('Code or recovery code') : null}
    <button>Go on</button>
  </form>`;
  const body = html`${alert(shown.error)}
    ${note(shown.elevates ? 'What you are about to do is sensitive. For 15 minutes you may do it.' : null)}
    ${shown.hasPassword ? form : null}
    ${shown.passkeys ? withReason('Use a passkey', { data: 'use', why, carried: shown.carried }) : null}
    ${shown.providers.map(({ name }) => againWith(name, { why, carried: shown.carried }))}
    <p><a href="${shown.carried['return_to'] ?? '/account'}">Leave it</a></p>`;
  return { title: 'Show again who you are', body };
}

function withReason(
  label: string,
  form: { readonly data: string; readonly why: Html | null; readonly carried: Carried },
): Html {
  return html`<form data-passkey="${form.data}" hidden>
    ${hidden({ ...form.carried, again: '1' })} ${reasonAgain(form.why)}
    <button>${label}</button>
    <p role="status"></p>
  </form>`;
}

function againWith(name: string, form: { readonly why: Html | null; readonly carried: Carried }): Html {
  return html`<form method="get" action="/sign-in/with/${encodeURIComponent(name)}">
    ${hidden({ ...form.carried, again: '1' })} ${reasonAgain(form.why)}
    <button>Sign in again with ${name}</button>
  </form>`;
}

/** An id names one field of a page, so the other forms have a field without one. */
function reasonAgain(why: Html | null): Html | null {
  if (why === null) return null;
  return html`<label
    >What do you need it for? <input name="reason" type="text" maxlength="500" required
  /></label>`;
}

export function continuePage(to: string): Page {
  return { title: 'Signed in', continueTo: to, body: html`<p><a href="${to}">Go on</a></p>` };
}

export function refusedPage(title: string, error: string): Page {
  return {
    title,
    body: html`${alert(error)}
      <p><a href="/sign-in">Sign in</a></p>`,
  };
}
