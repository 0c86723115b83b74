// The frame of every page of sign-in, its style and its security headers. The pages work without JavaScript; the one
// script is for passkeys, which only JavaScript can ask for.
import { randomBytes } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { Html, html } from './html.ts';

export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Where the browser goes on by itself; a link shows it, too. */
  readonly continueTo?: string;
}

export function sendPage(reply: FastifyReply, page: Page, status = 200): FastifyReply {
  const nonce = randomBytes(18).toString('base64url');
  const refresh =
    page.continueTo === undefined
      ? null
      : html`<meta http-equiv="refresh" content="0;url=${page.continueTo}" />`;
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${refresh}
        <title>${page.title} · Wayside</title>
        <style nonce="${nonce}">
          ${style}
        </style>
      </head>
      <body>
        <main>
          <h1>${page.title}</h1>
          ${page.body}
        </main>
        <script nonce="${nonce}" type="module" src="/sign-in/passkeys.js"></script>
      </body>
    </html> `;
  return reply
    .status(status)
    .headers(pageHeaders(nonce))
    .type('text/html; charset=utf-8')
    .send(document.text);
}

/**
 * Nothing but what the nonce names. Forms go to ourselves only. The referrer policy is not `no-referrer`: with that a
 * browser writes `Origin: null` on forms (Fetch standard, section 3.2), and the origin is what we check.
 */
function pageHeaders(nonce: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return {
    'content-security-policy': policy,
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
  };
}

const style = new Html(`
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { margin: 0; }
  main { max-width: 34rem; margin: 8vh auto; padding: 0 1.25rem; }
  h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
  form { margin: 1rem 0; }
  label { display: block; margin: .75rem 0 .25rem; font-weight: 600; }
  input[type=text], input[type=password] { width: 100%; box-sizing: border-box; padding: .5rem; font: inherit; }
  button { font: inherit; padding: .5rem 1rem; margin-top: .75rem; cursor: pointer; }
  code { overflow-wrap: anywhere; }
  table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25rem .5rem .25rem 0; }
  td form { margin: 0; } td button { margin: 0; padding: .1rem .6rem; }
  .alert { border-left: .25rem solid #c33; padding: .25rem .75rem; }
  .note { border-left: .25rem solid #38c; padding: .25rem .75rem; }
`);

/** What went wrong, read out at once. */
export function alert(text: string | null): Html | null {
  return text === null ? null : html`<p class="alert" role="alert">${text}</p>`;
}

export function note(text: string | null): Html | null {
  return text === null ? null : html`<p class="note" role="status">${text}</p>`;
}

export function hidden(fields: Readonly<Record<string, string>>): readonly Html[] {
  return Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`,
  );
}
