// Passwords as argon2id (RFC 9106) in the PHC string format, so that each hash carries what it cost. Hashing takes
// 19 MiB and tens of milliseconds on purpose: two at a time, a bounded queue behind them, and no answer beyond it.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import {
  passwordHashesMax,
  passwordHashesWaitingMax,
  passwordLanes,
  passwordMemoryKibibytes,
  passwordPasses,
  passwordSaltBytes,
  passwordTagBytes,
} from '../../protocol/limits-authority.ts';

export interface PasswordCost {
  readonly memoryKibibytes: number;
  readonly passes: number;
  readonly lanes: number;
}

export interface PasswordHasher {
  /** The PHC string of a new hash, at the cost of today. Throws `unavailable` where too many wait already. */
  hash(password: string): Promise<string>;
  /**
   * Whether the password is the one that was hashed. Null stands for somebody who has none, or who does not exist: it
   * does the same work and answers false.
   */
  verify(password: string, hash: string | null): Promise<boolean>;
  /** True where the hash was made at another cost than that of today. */
  isOutdated(hash: string): boolean;
  /** How many hashes were computed; what a test of equal work counts. */
  computed(): number;
}

const costToday: PasswordCost = {
  memoryKibibytes: passwordMemoryKibibytes,
  passes: passwordPasses,
  lanes: passwordLanes,
};

export function openPasswordHasher(cost: PasswordCost = costToday): PasswordHasher {
  const turn = openTurns();
  let computed = 0;
  const compute = (password: string, salt: Uint8Array, at: PasswordCost): Promise<Buffer> =>
    turn(() => {
      computed += 1;
      return derive(password, salt, at);
    });
  // Of no password: nothing that is typed has this tag.
  const nobody = { cost, salt: randomBytes(passwordSaltBytes), tag: randomBytes(passwordTagBytes) };
  return {
    async hash(password) {
      const salt = randomBytes(passwordSaltBytes);
      return formatHash({ cost, salt, tag: await compute(password, salt, cost) });
    },
    async verify(password, text) {
      const stored = text === null ? nobody : parseHash(text);
      const tag = await compute(password, stored.salt, stored.cost);
      return timingSafeEqual(tag, stored.tag) && text !== null;
    },
    isOutdated(text) {
      const { memoryKibibytes, passes, lanes } = parseHash(text).cost;
      return memoryKibibytes !== cost.memoryKibibytes || passes !== cost.passes || lanes !== cost.lanes;
    },
    computed: () => computed,
  };
}

function derive(password: string, nonce: Uint8Array, cost: PasswordCost): Promise<Buffer> {
  const options = {
    message: Buffer.from(normalizePassword(password), 'utf8'),
    nonce,
    parallelism: cost.lanes,
    tagLength: passwordTagBytes,
    memory: cost.memoryKibibytes,
    passes: cost.passes,
  };
  return new Promise((resolve, reject) => {
    argon2('argon2id', options, (error, tag) => (error === null ? resolve(tag) : reject(error)));
  });
}

/** Keyboards write the same character in more than one way (NIST SP 800-63B, section 3.1.1.2). */
export function normalizePassword(password: string): string {
  return password.normalize('NFKC');
}

interface StoredHash {
  readonly cost: PasswordCost;
  readonly salt: Uint8Array;
  readonly tag: Uint8Array;
}

function formatHash({ cost, salt, tag }: StoredHash): string {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
  const { memoryKibibytes: m, passes: t, lanes: p } = cost;
  return `$argon2id$v=19$m=${m},t=${t},p=${p}$${text(salt)}$${text(tag)}`;
}

const phc = /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]{43})$/;

function parseHash(text: string): StoredHash {
  const match = phc.exec(text);
  if (match === null) throw new Error('a stored password hash is not in the PHC format of argon2id');
  const [, m = '', t = '', p = '', salt = '', tag = ''] = match;
  return {
    cost: { memoryKibibytes: Number(m), passes: Number(t), lanes: Number(p) },
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
}

/** Runs so many at a time, in the order in which they came. */
function openTurns(): <T>(act: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let active = 0;
  return async (act) => {
    if (active >= passwordHashesMax) {
      if (waiting.length >= passwordHashesWaitingMax) {
        throw new Failure(
          'unavailable',
          'Too many people sign in at this moment. Try again in a few seconds.',
        );
      }
      await new Promise<void>((go) => waiting.push(go));
    } else {
      active += 1;
    }
    try {
      return await act();
    } finally {
      // The turn goes to the next one, so that nobody slips in between.
      const next = waiting.shift();
      if (next === undefined) active -= 1;
      else next();
    }
  };
}
