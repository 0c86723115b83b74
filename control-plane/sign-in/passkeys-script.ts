// The script of the pages: asks the browser for a passkey and sends the answer. It is served as a file of its own, so
// that a page carries no code.

/** For browsers that have `PublicKeyCredential.parseRequestOptionsFromJSON` (WebAuthn Level 3, section 5.1.8). */
export const passkeysScript = `
const say = (form, text) => { form.querySelector('[role=status]').textContent = text; };
const post = async (path, body) => {
  const answer = await fetch(path, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), credentials: 'same-origin',
  });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.detail);
  return content;
};
const fieldsOf = (form) => Object.fromEntries(new FormData(form));
const usePasskey = async (form) => {
  const options = await post('/sign-in/passkey/options', fieldsOf(form));
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const response = await navigator.credentials.get({ publicKey });
  const { return_to } = await post('/sign-in/passkey', { response: response.toJSON() });
  location.assign(return_to);
};
const addPasskey = async (form) => {
  const options = await post('/account/passkeys/options', {});
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const response = await navigator.credentials.create({ publicKey });
  await post('/account/passkeys', { name: fieldsOf(form).name, response: response.toJSON() });
  location.assign('/account');
};
for (const form of document.querySelectorAll('form[data-passkey]')) {
  form.hidden = !('PublicKeyCredential' in window && 'parseRequestOptionsFromJSON' in PublicKeyCredential);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    say(form, '');
    const act = form.dataset.passkey === 'add' ? addPasskey : usePasskey;
    act(form).catch((error) => say(form, error.name === 'NotAllowedError' ? 'No passkey was given.' : error.message));
  });
}
`;
