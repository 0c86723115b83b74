// What a password must be (NIST SP 800-63B, section 3.1.1): long, not one of the commonest, not about who or what it
// is for. Nothing is asked of its characters.
import { passwordCharactersMax, passwordCharactersMin } from '../../protocol/limits-authority.ts';
import { normalizePassword } from './hash-password.ts';

/** A sentence that says what is wrong with it, or null. */
export function refusePassword(password: string, about: { readonly name: string }): string | null {
  const text = normalizePassword(password);
  const characters = [...text].length;
  if (characters < passwordCharactersMin) {
    return `A password has ${passwordCharactersMin} characters or more; a few words in a row are a good one.`;
  }
  if (characters > passwordCharactersMax) {
    return `A password has ${passwordCharactersMax} characters at the most.`;
  }
  const plain = text.toLowerCase();
  if (isCommon(plain)) return 'This password is one of the commonest, so it is the first that is tried.';
  for (const word of ['wayside', about.name.toLowerCase()]) {
    const isThere = word.length >= 4 && plain.includes(word);
    if (isThere && rest(plain, word).length < passwordCharactersMin / 2) {
      return 'Take a password that is not made of your name or of the name of this program.';
    }
  }
  return null;
}

/** What is left of it without a word and without what people put around one. */
function rest(plain: string, word: string): string {
  return plain.replaceAll(word, '').replace(/[^\p{L}]+/gu, '');
}

/** Of twelve characters and more, the ones that lists of leaked passwords begin with. */
const common: ReadonlySet<string> = new Set(
  [
    '123456789012 1234567890123 12345678901234 123456789012345 1234567890123456 0123456789012 012345678901',
    '1q2w3e4r5t6y 1q2w3e4r5t6y7u 1q2w3e4r5t6y7u8i 1qaz2wsx3edc 1qaz2wsx3edc4rfv qazwsxedcrfv zaq12wsxcde3',
    'qwertyuiop12 qwertyuiop123 qwertyuiop[] qwertyuiopas qwertyuiopasdfghjkl asdfghjkl123 qwerty123456',
    "qwerty1234567 qwerty12345678 zxcvbnm12345 asdfghjkl;' qweasdzxc123 q1w2e3r4t5y6 abcdefghijkl abcdefghijklm",
    'abcdefghijklmnopqrstuvwxyz abc123456789 abcd12345678 abcdef123456 a1b2c3d4e5f6 password1234 password12345',
    'password123456 passwordpassword password1password1 p@ssw0rd1234 passw0rd1234 passwort1234 mypassword12',
    'mypassword123 changeme1234 changemechangeme letmeinletmein letmein12345 welcome12345 welcome123456',
    'iloveyou1234 iloveyou12345 iloveyouiloveyou iloveyousomuch iloveyouforever administrator administrator1',
    'adminadminadmin admin1234567 admin12345678 adminpassword rootpassword superpassword trustno1trustno1',
    'correcthorsebatterystaple correct horse battery staple thisismypassword nopassword12 secretsecret',
    'secret123456 supersecret1 supersecret123 topsecret1234 mysecretpassword football1234 baseball1234',
    'princess1234 sunshine1234 superman1234 dragon123456 monkey123456 master123456 michael12345 computer1234',
    'internet1234 samsung12345 starwars1234 pokemon12345 liverpool123 manchester1 barcelona123 chocolate123',
  ].flatMap((line) =>
    line.includes('correct horse') ? [...line.split(' '), 'correct horse battery staple'] : line.split(' '),
  ),
);

/** In the list, or a few characters again and again, or counted up or down. */
function isCommon(plain: string): boolean {
  return common.has(plain) || /^(.{1,4})\1+.{0,3}$/su.test(plain) || isSequence(plain);
}

function isSequence(plain: string): boolean {
  const codes = [...plain].map((character) => character.codePointAt(0) ?? 0);
  const [first = 0, second = 0] = codes;
  const by = second - first;
  if (Math.abs(by) > 1) return false;
  return codes.every((code, index) => index === 0 || code - (codes[index - 1] ?? 0) === by);
}
