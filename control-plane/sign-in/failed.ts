// What somebody learns whose sign-in failed: always the same, whatever was wrong.
import { Failure } from '../../protocol/failures.ts';
import { GuardFailed } from '../store/store.ts';

/** One sentence for an unknown name, a wrong password, a wrong code and one that was used before. */
export function signInFailed(): Failure {
  return new Failure(
    'sign_in_failed',
    'That did not match. Check name, password and code; a code is good once.',
  );
}

/** A guard that did not hold means that another request was faster with the same code, attempt or link. */
export async function onceOnly<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof GuardFailed) throw signInFailed();
    throw error;
  }
}
