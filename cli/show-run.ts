// One run for people: what was asked, what became of it, and why.
import type { Run } from '../protocol/api/runs.ts';
import { duration, paintState, time } from './print.ts';
import type { Printer } from './print.ts';

export function showRun(print: Printer, run: Run): void {
  print.out(`${run.action.name} #${run.sequence}  ${paintState(print, run.state)}  ${run.id}`);
  print.out(`  pressed by  ${run.requested_by.name} at ${time(run.queued_at)}`);
  if (run.reason !== null) print.out(`  reason      ${run.reason}`);
  if (run.agent !== null) print.out(`  agent       ${run.agent.name}, attempt ${run.attempt}`);
  if (run.agent_unreachable_since !== null) {
    print.out(`  agent unreachable since ${time(run.agent_unreachable_since)}`);
  }
  if (run.rebuilt !== null) {
    print.out(
      `  rebuilt     ${time(run.rebuilt.at)}, after a restore had lost it; ${missingOf(run.rebuilt.missing)}`,
    );
  }
  for (const line of inputLines(run)) print.out(`  input       ${line}`);
  if (run.started_at !== null && run.ended_at !== null) {
    print.out(`  took        ${duration(run.ended_at - run.started_at)}`);
  }
  for (const line of outcomeLines(run)) print.out(`  ${line}`);
}

function missingOf(missing: NonNullable<Run['rebuilt']>['missing']): string {
  return missing.length === 0 ? 'nothing of it is missing' : `not known any more: ${missing.join(', ')}`;
}

function inputLines(run: Run): string[] {
  return Object.entries(run.inputs).map(
    ([name, input]) => `${name} = ${'value' in input ? JSON.stringify(input.value) : '(sensitive)'}`,
  );
}

function outcomeLines(run: Run): string[] {
  const lines: string[] = [];
  for (const { name, result, tolerated, exit_code, message } of run.outcome?.operations ?? []) {
    const code = exit_code === undefined || exit_code === 0 ? '' : ` (exit code ${exit_code})`;
    const why = message === undefined ? '' : `: ${message}`;
    lines.push(`operation   ${name} ${result}${tolerated ? ', tolerated' : ''}${code}${why}`);
  }
  for (const [name, { value, sensitive }] of Object.entries(run.outcome?.outputs ?? {})) {
    lines.push(`output      ${name} = ${sensitive ? '(sensitive)' : JSON.stringify(value)}`);
  }
  if (run.outcome?.message !== undefined) lines.push(`verdict     ${run.outcome.message}`);
  if (run.failure !== null) lines.push(`failure     ${run.failure.code}: ${run.failure.message}`);
  if (run.outcome?.truncated === true) lines.push('output was cut or lost; see the log');
  if (run.evidence !== null) lines.push(`evidence    a late report says ${run.evidence.result}`);
  return lines;
}
