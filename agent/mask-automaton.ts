// Finds all patterns in a stream of bytes in one pass (Aho and Corasick, "Efficient string matching", 1975). The
// states are numbered breadth first, so that the shallow ones, where ordinary text stays, have whole rows in a
// table and the deep ones need a few bytes each.

export interface Automaton {
  /** Length of the longest pattern that ends in a state; 0 where none does. */
  readonly longest: Int32Array;
  /** Length of a state's text, which is how much of the stream may still become a pattern. */
  readonly depth: Int32Array;
  /** The state after `byte`. State 0 is the beginning. */
  step(state: number, byte: number): number;
  /** Rows of the first `rowCount` states: `rows[state * classCount + classOf[byte]]` is the next state. */
  readonly rows: Int32Array;
  readonly rowCount: number;
  readonly classOf: Uint8Array;
  readonly classCount: number;
}

/** Entries of the table of whole rows: 8 MiB. */
const rowEntriesMax = 2 * 1024 * 1024;

interface Trie {
  readonly depth: Int32Array;
  /** Children of a state are `firstChild[state]` up to, not including, `firstChild[state + 1]`. */
  readonly firstChild: Int32Array;
  readonly label: Uint8Array;
  readonly ends: Uint8Array;
  readonly parent: Int32Array;
}

/** Builds the automaton. The patterns are not empty. */
export function buildAutomaton(patterns: readonly Buffer[]): Automaton {
  const trie = buildTrie(patterns);
  const count = trie.depth.length;
  const { classOf, classCount } = byteClasses(patterns);
  const rowCount = Math.min(count, Math.max(1, Math.floor(rowEntriesMax / classCount)));
  const rows = new Int32Array(rowCount * classCount);
  const fail = new Int32Array(count);
  const longest = new Int32Array(count);

  function step(state: number, byte: number): number {
    let at = state;
    while (at >= rowCount) {
      const child = childOf(trie, at, byte);
      if (child !== 0) return child;
      at = fail[at] ?? 0;
    }
    return rows[at * classCount + (classOf[byte] ?? 0)] ?? 0;
  }

  // A state fails to a shallower one, whose row and fail link are ready when states come in order of depth.
  for (let state = 0; state < count; state += 1) {
    if ((trie.depth[state] ?? 0) > 1)
      fail[state] = step(fail[trie.parent[state] ?? 0] ?? 0, trie.label[state] ?? 0);
    longest[state] = trie.ends[state] === 1 ? (trie.depth[state] ?? 0) : (longest[fail[state] ?? 0] ?? 0);
    if (state < rowCount) fillRow({ trie, rows, classOf, classCount, state, fail: fail[state] ?? 0 });
  }
  return { longest, depth: trie.depth, step, rows, rowCount, classOf, classCount };
}

function fillRow(row: {
  readonly trie: Trie;
  readonly rows: Int32Array;
  readonly classOf: Uint8Array;
  readonly classCount: number;
  readonly state: number;
  readonly fail: number;
}): void {
  const { trie, rows, classOf, classCount, state, fail } = row;
  if (state !== 0) rows.copyWithin(state * classCount, fail * classCount, (fail + 1) * classCount);
  const end = trie.firstChild[state + 1] ?? 0;
  for (let child = trie.firstChild[state] ?? 0; child < end; child += 1) {
    rows[state * classCount + (classOf[trie.label[child] ?? 0] ?? 0)] = child;
  }
}

/** The child of a state, or 0, which is nobody's child. */
function childOf(trie: Trie, state: number, byte: number): number {
  const end = trie.firstChild[state + 1] ?? 0;
  for (let child = trie.firstChild[state] ?? 0; child < end; child += 1) {
    if (trie.label[child] === byte) return child;
  }
  return 0;
}

/** Bytes that no pattern contains are all of class 0. */
function byteClasses(patterns: readonly Buffer[]): {
  readonly classOf: Uint8Array;
  readonly classCount: number;
} {
  const classOf = new Uint8Array(256);
  let classCount = 1;
  for (const pattern of patterns) {
    for (const byte of pattern) {
      // With all 256 byte values in use the last class is shared with class 0's number only when none is left.
      if (classOf[byte] === 0 && classCount < 256) classOf[byte] = classCount++;
    }
  }
  return { classOf, classCount };
}

/**
 * The tree of all patterns' beginnings. With the patterns in order, a state is a range of them that share their
 * first `depth` bytes, and its children are the parts of the range that share one byte more.
 */
function buildTrie(patterns: readonly Buffer[]): Trie {
  const sorted = [...patterns].sort(Buffer.compare);
  const bound = sorted.reduce((sum, pattern) => sum + pattern.length, 2);
  const depth = new Int32Array(bound);
  const parent = new Int32Array(bound);
  const firstChild = new Int32Array(bound + 1);
  const low = new Int32Array(bound);
  const high = new Int32Array(bound);
  const label = new Uint8Array(bound);
  const ends = new Uint8Array(bound);
  high[0] = sorted.length;
  let count = 1;
  for (let state = 0; state < count; state += 1) {
    firstChild[state] = count;
    const at = depth[state] ?? 0;
    const end = high[state] ?? 0;
    let index = low[state] ?? 0;
    while (index < end && sorted[index]?.length === at) {
      ends[state] = 1;
      index += 1;
    }
    while (index < end) {
      const byte = sorted[index]?.[at] ?? 0;
      low[count] = index;
      while (index < end && sorted[index]?.[at] === byte) index += 1;
      high[count] = index;
      depth[count] = at + 1;
      parent[count] = state;
      label[count] = byte;
      count += 1;
    }
  }
  firstChild[count] = count;
  return {
    depth: depth.slice(0, count),
    parent,
    firstChild,
    label,
    ends,
  };
}
