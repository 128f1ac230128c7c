import type { VersionToken } from '../change/version.ts';
import { rowVersion } from '../change/version.ts';
import type { ReadSource } from '../protocol/scripts.ts';
import type { KeyRead, ReaderCore } from './core.ts';
import { encodeEntry } from './entry.ts';
import { jitteredTtl } from './expiry.ts';
import type { Lease } from './lease.ts';
import { fillLease, release } from './leasing.ts';
import type { LoadContext, LoadedDetails, LoadResult } from './loader.ts';
import { detailsOf, valueOf } from './loader.ts';
import type { SourceOption } from './options.ts';
import type { ReadSettings } from './settings.ts';

/** Where the loader has to read so that a replica's answer can be stored. */
export function readFromUnder(lease: Lease): LoadContext['readFrom'] {
  // Where nothing is known of the key, e.g. since Redis evicted it, a replica's row cannot be compared with anything.
  return lease.holdMs > 0 || lease.floor === '' ? 'primary' : 'any';
}

/** Ends a lease with what was loaded under it. Resolves with the value, whether it was stored or not. */
export async function storeLoaded<V>(
  core: ReaderCore,
  { key, settings, flight }: Omit<KeyRead<V>, 'load'>,
  lease: Lease,
  loadedUnder: {
    readonly result: LoadResult<V>;
    readonly ms: number;
    readonly readFrom: LoadContext['readFrom'];
  },
): Promise<V | undefined> {
  const { observer } = core;
  const { result, ms, readFrom } = loadedUnder;
  const value = valueOf(result);
  const details = detailsOf(result);
  const source = details.source ?? sourceOf(settings.source, readFrom);
  const ttl = value === undefined ? settings.absentTtlMs : settings.ttlMs;

  if (value === undefined && (ttl === 0 || source !== 'primary')) {
    // A replica that lacks a new row would hide it.
    observer.fill(key, 'absent');
    release(core, lease);
    return undefined;
  }
  const stored = encodeEntry(settings.codec, value);
  if (stored === undefined) {
    observer.fill(key, 'unencodable');
    release(core, lease);
    return value;
  }
  const ttlMs = jitteredTtl(ttl, core.settings.ttlJitter, Math.random);
  const version = value === undefined ? undefined : versionOf(value, details, settings);
  const reply = await fillLease(core, lease, {
    value: stored,
    ttlMs,
    version,
    source,
    tombstoneMs: core.settings.tombstoneMs,
  });
  if (reply === 'stored' && flight?.isDropped !== true) {
    core.lastKnown?.record(key, stored);
    core.schedule?.filled(key, ttlMs, ms);
  }
  return value;
}

function sourceOf(option: SourceOption, readFrom: LoadContext['readFrom']): ReadSource {
  if (option !== 'as-told') return option;
  return readFrom === 'primary' ? 'primary' : 'replica';
}

/** Undefined where there is none, and where the column holds what cannot be compared. */
function versionOf<V>(value: V, details: LoadedDetails, settings: ReadSettings<V>): VersionToken | undefined {
  try {
    return rowVersion(details.version ?? settings.version?.(value));
  } catch {
    return undefined;
  }
}
