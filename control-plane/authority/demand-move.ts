// A move within the tree gives what is moved other bindings: whoever moves it must hold what they give there, and what
// the denials that are left behind took away.
import type { DecideDeps } from '../http/decide.ts';
import type { ChangeContext } from './change.ts';
import { givenBy } from './cover.ts';
import { demandCover } from './demand-cover.ts';
import { levelsOf, resourceAt } from './level.ts';
import type { BindingRecord, Policy } from './policy.ts';

/** `moved` is the level of what is moved; `from` and `to` are those of the folders around it before and after. */
export async function demandMove(
  deps: DecideDeps,
  context: Pick<ChangeContext, 'caller' | 'request'>,
  move: { readonly moved: string; readonly from: string; readonly to: string },
): Promise<void> {
  const policy = deps.authority.policy();
  const now = deps.authority.now();
  for (const binding of newlyInForce(policy, move)) {
    if (binding.notAfter !== null && binding.notAfter <= now) continue;
    const conditions = binding.effect === 'deny' ? [] : binding.conditions;
    const given = { ...givenBy(policy, binding), conditions, level: move.moved };
    const why = 'You cannot move it there, because others would get rights on it that you do not hold.';
    await demandCover(deps, context, { given, why });
  }
}

/** What allows at the levels that come, and what denied at those that go. */
function newlyInForce(
  policy: Policy,
  { from, to }: { readonly from: string; readonly to: string },
): readonly BindingRecord[] {
  const { id } = policy.organization;
  const before = new Set(levelsOf(policy, resourceAt(id, from)));
  const after = new Set(levelsOf(policy, resourceAt(id, to)));
  return [...policy.bindingsByPrincipal.values()].flat().filter(({ level, effect }) => {
    const comes = after.has(level) && !before.has(level);
    const goes = before.has(level) && !after.has(level);
    return effect === 'allow' ? comes : goes;
  });
}
