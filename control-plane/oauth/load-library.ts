// Loads oidc-provider when the first request needs it: a control plane that nobody asks for tokens pays nothing for it.

import type * as library from 'oidc-provider';

export type Library = typeof library;

let loading: Promise<Library> | null = null;

export function loadLibrary(): Promise<Library> {
  loading ??= withoutRuntimeWarning(() => import('oidc-provider'));
  return loading;
}

/**
 * The library warns of every runtime whose build does not call itself a long-term release, and the builds of Node that
 * npm brings do not. Nobody who runs this could act on it.
 */
async function withoutRuntimeWarning(load: () => Promise<Library>): Promise<Library> {
  const { warn } = console;
  console.warn = (...words: unknown[]) => {
    if (!String(words[0]).includes('Unsupported runtime')) warn(...words);
  };
  try {
    return await load();
  } finally {
    console.warn = warn;
  }
}
