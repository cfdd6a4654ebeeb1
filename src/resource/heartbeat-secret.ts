// The Secret fairlead-heartbeat: the keys that authenticate heartbeats. Each entry of its data is named by the key's id
// and holds 32 bytes; the entry `active` holds the id of the key that is used to transmit (OBJECTS.md).

import type { Parsed, Problem } from './parsed.ts';

export const HEARTBEAT_SECRET = 'fairlead-heartbeat';
export const HEARTBEAT_KEY_LENGTH = 32;
const ACTIVE = 'active';

export interface HeartbeatKeys {
  readonly active: number;
  readonly keys: readonly { readonly id: number; readonly secret: Uint8Array }[];
}

/** The data of a Secret with one key, in base64 as the API has it. */
export const heartbeatSecretData = (key: Uint8Array, id = 1): Readonly<Record<string, string>> => ({
  [ACTIVE]: toBase64(new TextEncoder().encode(`${id}`)),
  [id]: toBase64(key),
});

/** Reads `data`; no problem repeats a value, because they are secret. */
export function readHeartbeatKeys(data: Readonly<Record<string, unknown>>): Parsed<HeartbeatKeys> {
  const problems: Problem[] = [];
  const keys: { id: number; secret: Uint8Array }[] = [];
  for (const [name, value] of Object.entries(data)) {
    if (name === ACTIVE) continue;
    const id = idOf(name);
    const secret = typeof value === 'string' ? fromBase64(value) : undefined;
    if (id === undefined) problems.push({ field: 'data', value: name, wanted: 'key ids from 1 to 255' });
    else if (secret?.length !== HEARTBEAT_KEY_LENGTH)
      problems.push({
        field: `data.${name}`,
        value: HIDDEN,
        wanted: `${HEARTBEAT_KEY_LENGTH} bytes in base64`,
      });
    else keys.push({ id, secret });
  }
  const text = data[ACTIVE];
  const bytes = typeof text === 'string' ? fromBase64(text) : undefined;
  const active = bytes === undefined ? undefined : idOf(new TextDecoder().decode(bytes));
  if (active === undefined || !keys.some(({ id }) => id === active))
    problems.push({
      field: `data.${ACTIVE}`,
      value: text === undefined ? undefined : (active ?? HIDDEN),
      wanted: 'the id of one of the keys, in base64',
    });
  if (active === undefined || problems.length > 0) return { kind: 'problems', problems };
  return { kind: 'value', value: { active, keys } };
}

const HIDDEN = '(not shown)';

function idOf(text: string): number | undefined {
  const id = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : 0;
  return id >= 1 && id <= 255 ? id : undefined;
}

const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    // DOMException: no base64, which is all that there is to say.
    return undefined;
  }
}
