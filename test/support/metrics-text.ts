// Reads the text format of Prometheus (exposition format 0.0.4) as strictly as it is written down: every sample belongs
// to a metric that was announced, and is of the kind that was announced.

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';
  readonly samples: readonly Sample[];
}

/** Numbers as Go reads them, which does not look at the case of NaN. */
const sampleForm =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([Nn]a[Nn]|[+-]Inf|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?: -?\d+)?$/;

/** Throws for what is not of the format. */
export function parseMetrics(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, { help: string; type: string; samples: Sample[] }>();
  let current = '';
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const told = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (told !== null) {
      const [, what = '', name = '', rest = ''] = told;
      const family = families.get(name) ?? { help: '', type: '', samples: [] };
      if (family.samples.length > 0 || (what === 'HELP' ? family.help : family.type) !== '') {
        throw new Error(`told twice or too late: ${line}`);
      }
      families.set(name, family);
      if (what === 'HELP') family.help = rest;
      else family.type = rest;
      current = name;
      continue;
    }
    if (line.startsWith('#')) continue;
    const [, name = '', labels = '', value = ''] = sampleForm.exec(line) ?? [];
    if (name === '') throw new Error(`no sample: ${line}`);
    const family = families.get(current);
    if (family === undefined || !namesOf(current, family.type).includes(name)) {
      throw new Error(`a sample that was not announced: ${line}`);
    }
    family.samples.push({ name, labels: parseLabels(labels), value: numberOf(value) });
  }
  const checked = new Map<string, Family>();
  for (const [name, { help, type, samples }] of families) {
    const keys = samples.map(
      (sample) => `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`,
    );
    if (new Set(keys).size !== keys.length) throw new Error(`a sample of ${name} is there twice`);
    checked.set(name, { name, help, type: type as Family['type'], samples });
  }
  return checked;
}

function namesOf(name: string, type: string): readonly string[] {
  if (type === 'histogram') return [`${name}_bucket`, `${name}_sum`, `${name}_count`];
  if (type === 'summary') return [name, `${name}_sum`, `${name}_count`];
  return [name];
}

function parseLabels(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = Object.create(null) as Record<string, string>;
  const form = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
  while (form.lastIndex < text.length) {
    const [, name, value = ''] = form.exec(text) ?? [];
    if (name === undefined || name in labels) throw new Error(`no labels: ${text}`);
    labels[name] = value.replace(/\\(.)/g, (_, of: string) => (of === 'n' ? '\n' : of));
  }
  return labels;
}

function numberOf(text: string): number {
  if (text.endsWith('Inf')) return text.startsWith('-') ? -Infinity : Infinity;
  return text.toLowerCase() === 'nan' ? Number.NaN : Number(text);
}

/** The value of the one sample with these labels; undefined where there is none. */
export function valueOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(sum|count|bucket)$/, ''));
  const found = family?.samples.filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  return found?.length === 1 ? found[0]?.value : undefined;
}
