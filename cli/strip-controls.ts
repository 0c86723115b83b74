// Takes terminal control sequences out of text (rules.md 28), so that a run cannot rewrite a reader's screen. What
// counts is what ECMA-48 calls CSI, OSC, DCS, SOS, PM, APC and escape sequences, and lone control characters except
// tab and line ends. Text may come in pieces, cut anywhere.

export interface Stripper {
  /** What of everything so far can be shown; the start of a sequence is kept back until its end has come. */
  push(text: string): string;
  /** The rest, when nothing more comes. */
  end(): string;
}

type State = 'text' | 'return' | 'escape' | 'csi' | 'string' | 'string-escape';

/** A sequence that is longer is none: what pretends to be one may hide so much text and no more. */
const sequenceCharactersMax = 4_096;

export function openStripper(): Stripper {
  let state: State = 'text';
  let length = 0;

  /** The state after one character, and whether the character itself belongs to the text. */
  const step = (character: string): { readonly next: State; readonly shown: string } => {
    const code = character.charCodeAt(0);
    switch (state) {
      case 'return':
        return character === '\n' ? { next: 'text', shown: '\r\n' } : after('\n', character);
      case 'escape':
        return afterEscape(character, code);
      case 'csi':
        if (code >= 0x20 && code <= 0x3f) return { next: 'csi', shown: '' };
        return code >= 0x40 && code <= 0x7e ? { next: 'text', shown: '' } : after('', character);
      case 'string':
        if (character === '\u0007' || character === '\u009c') return { next: 'text', shown: '' };
        if (character === '\u001b') return { next: 'string-escape', shown: '' };
        return character === '\n' ? { next: 'text', shown: '\n' } : { next: 'string', shown: '' };
      case 'string-escape':
        return character === '\\' ? { next: 'text', shown: '' } : afterEscape(character, code);
      case 'text':
        return after('', character);
    }
  };

  return {
    push(text) {
      if (state === 'text' && !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(text)) return text;
      let shown = '';
      for (const character of text) {
        const before = state;
        const { next, shown: more } = step(character);
        shown += more;
        length = next === before ? length + 1 : 0;
        state = length > sequenceCharactersMax && next !== 'text' ? 'text' : next;
      }
      return shown;
    },
    end() {
      const rest = state === 'return' ? '\n' : '';
      state = 'text';
      return rest;
    },
  };
}

/** A character in plain text, behind what was already decided to be shown. */
function after(shown: string, character: string): { readonly next: State; readonly shown: string } {
  switch (character) {
    case '\u001b':
      return { next: 'escape', shown };
    case '\r':
      return { next: 'return', shown };
    case '\u009b':
      return { next: 'csi', shown };
    case '\u0090':
    case '\u0098':
    case '\u009d':
    case '\u009e':
    case '\u009f':
      return { next: 'string', shown };
    default:
      return { next: 'text', shown: shown + (isControl(character) ? '' : character) };
  }
}

function afterEscape(character: string, code: number): { readonly next: State; readonly shown: string } {
  if (character === '[') return { next: 'csi', shown: '' };
  if (']PX^_'.includes(character)) return { next: 'string', shown: '' };
  if (code >= 0x20 && code <= 0x2f) return { next: 'escape', shown: '' };
  return code >= 0x30 && code <= 0x7e ? { next: 'text', shown: '' } : after('', character);
}

function isControl(character: string): boolean {
  return /^[\u0000-\u0008\u000b-\u001f\u007f-\u009f]$/.test(character);
}

/** The same for text that is whole. */
export function stripControls(text: string): string {
  const stripper = openStripper();
  return stripper.push(text) + stripper.end();
}
