// The few pages of the authorization server: plain, without scripts of ours, and with every word from outside escaped.
import { createHash } from 'node:crypto';

const style = `
body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:12vh auto;padding:0 1.5rem;color:#1c2024;background:#fff}
h1{font-size:1.4rem;margin:0 0 1rem}
code{font:1.6rem/1 ui-monospace,monospace;letter-spacing:.1em}
input{font:inherit;padding:.5rem;width:100%;box-sizing:border-box;border:1px solid #b0b4ba;border-radius:4px;text-transform:uppercase}
button{font:inherit;padding:.5rem 1rem;margin:1rem .5rem 0 0;border:1px solid #1c2024;border-radius:4px;background:#1c2024;color:#fff;cursor:pointer}
button.second{background:#fff;color:#1c2024}
ul{padding-left:1.2rem}
.wrong{color:#b3261e}
@media (prefers-color-scheme:dark){body{background:#111315;color:#edeef0}input{background:#1c2024;color:#edeef0}
button{background:#edeef0;color:#1c2024}button.second{background:#111315;color:#edeef0}}
`;

const styleHash = createHash('sha256').update(style).digest('base64');

/**
 * Forms of ours lead to the pages of a client by a redirect, which browsers hold to `form-action` too, hence the
 * `extra` origin. The library adds the hash of the one script that it has, to directives that are there.
 */
export function contentSecurityPolicy(extra: readonly string[] = []): string {
  return [
    "default-src 'none'",
    `style-src 'sha256-${styleHash}'`,
    "script-src 'report-sample'",
    `form-action ${["'self'", ...extra].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}

export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

/** `body` is HTML. */
function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Wayside</title><style>${style}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>
${body}
</main></body>
</html>
`;
}

/** A sentence that ends the matter here. */
export function messagePage(title: string, sentence: string): string {
  return page(title, `<p>${escapeHtml(sentence)}</p>`);
}

/** `form` is the library's, with the field for the code in it. */
export function userCodePage(form: string, wrong: string | null): string {
  const complaint = wrong === null ? '' : `<p class="wrong" role="alert">${escapeHtml(wrong)}</p>`;
  return page(
    'Sign in on a device',
    `${complaint}<p>Enter the code that the device shows.</p>${form}
<button type="submit" form="op.deviceInputForm">Continue</button>`,
  );
}

export function confirmPage(form: string, about: { readonly client: string; readonly code: string }): string {
  return page(
    'Is this your device?',
    `<p>${escapeHtml(about.client)} asks to act for you. It should show this code:</p>
<p><code>${escapeHtml(about.code)}</code></p>
<p>If it does not, or if somebody sent you here, stop: whoever holds the device gets your access.</p>
${form}
<button type="submit" form="op.deviceConfirmForm">It shows this code</button>
<button class="second" type="submit" form="op.deviceConfirmForm" name="abort" value="yes">Stop</button>`,
  );
}

export function consentPage(about: {
  readonly client: string;
  readonly host: string;
  readonly person: string;
  readonly scopes: readonly string[];
}): string {
  const items = about.scopes.map((scope) => `<li>${escapeHtml(scope)}</li>`).join('');
  return page(
    `${about.client} asks for access`,
    `<p>You are ${escapeHtml(about.person)}. ${escapeHtml(about.client)} at ${escapeHtml(about.host)} asks for:</p>
<ul>${items}</ul>
<form method="post">
<button type="submit" name="decision" value="allow">Allow</button>
<button class="second" type="submit" name="decision" value="refuse">Refuse</button>
</form>`,
  );
}
