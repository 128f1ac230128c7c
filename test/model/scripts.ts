/**
 * The four Lua scripts of the cache protocol, line by line, for one key: what K and M hold and the arguments give
 * what they hold afterwards and the reply. The explorer runs these; the conformance test compares them with Redis.
 */

/** What K holds. Hashes are spelled as one text. */
export interface Value {
  readonly type: 'string' | 'hash' | 'list';
  readonly value: string;
  /** Ms; -1: does not expire. */
  readonly ttl: number;
}

/** What M holds. Redis keeps no empty hash: at least one field is there. */
export interface Companion {
  readonly l: string | undefined;
  readonly x: number | undefined;
  readonly f: string | undefined;
  readonly p: number | undefined;
  readonly g: string | undefined;
  readonly u: string | undefined;
  /** Ms; -1: does not expire. */
  readonly ttl: number;
}

export interface Cache {
  readonly key: Value | undefined;
  readonly companion: Companion | 'other type' | undefined;
}

export interface Outcome<Reply> {
  readonly cache: Cache;
  readonly reply: Reply;
}

/** The lines that can be left out, each by what it does: a mutant lacks one. */
export const LINES = [
  'getOrLease looks for a value again',
  'getOrLease makes readers wait for a live lease',
  'getOrLease gives a caller its own lease again',
  'getOrLease tells of the hold',
  'fill refuses another token',
  'fill refuses an expired lease',
  'fill removes the lease',
  'fill compares only versions of one length',
  'fill refuses a version below the floor',
  'fill refuses a replica during a hold',
  'fill refuses a replica where versions say nothing',
  'fill raises the floor',
  'fill notes a value without a version beside a floor',
  'fill forgets that note with a version',
  'invalidate removes the value',
  'invalidate removes the value whatever its version',
  'invalidate voids the lease',
  'invalidate voids the lease whatever its version',
  'invalidate raises the floor',
  'invalidate never lowers the floor',
  'invalidate takes over a version of another length',
  'invalidate sets the hold',
  'invalidate notes the GTID',
  'invalidate forgets a GTID where it has none',
  'invalidate forgets the GTID of a running hold',
  'update compares only versions of one length',
  'update refuses a version below the floor',
  'update drops a value of unknown age',
  'update drops a value without a version',
  'update creates only where it is told to',
  'update voids the lease',
  'update raises the floor',
] as const;
export type Line = (typeof LINES)[number];

export type ModelLeaseReply =
  | { readonly kind: 'hit'; readonly value: string }
  | { readonly kind: 'bypass' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'lease'; readonly holdMs: number; readonly gtid: string; readonly floor: string };
export type ModelFillReply = 'stored' | 'voided' | 'expired' | 'hold' | 'outdated' | 'unknown';
export type ModelUpdateReply = 'stored' | 'skipped' | 'dropped' | 'refused';

export interface FillArguments {
  readonly token: string;
  readonly value: string;
  readonly ttlMs: number;
  /** '' if the row has none. */
  readonly version: string;
  readonly source: 'primary' | 'caught-up' | 'replica';
  readonly tombstoneMs: number;
}

export interface InvalidateArguments {
  readonly version: string;
  readonly tombstoneMs: number;
  readonly holdMs: number;
  readonly gtid: string;
}

export interface UpdateArguments {
  readonly version: string;
  readonly form: 'string' | 'hash';
  readonly value: string;
  readonly ttlMs: number;
  readonly create: boolean;
  readonly tombstoneMs: number;
}

export interface ModelScripts {
  getOrLease(
    cache: Cache,
    now: number,
    args: { readonly token: string; readonly leaseMs: number; readonly refresh: boolean },
  ): Outcome<ModelLeaseReply>;
  fill(cache: Cache, now: number, args: FillArguments): Outcome<ModelFillReply>;
  invalidate(cache: Cache, now: number, args: InvalidateArguments): Outcome<number>;
  update(cache: Cache, args: UpdateArguments): Outcome<ModelUpdateReply>;
}

const EMPTY: Companion = {
  l: undefined,
  x: undefined,
  f: undefined,
  p: undefined,
  g: undefined,
  u: undefined,
  ttl: -1,
};

/** The scripts, without the line `missing`. */
export function modelScripts(missing?: Line): ModelScripts {
  const has = (line: Line): boolean => line !== missing;

  return {
    getOrLease(cache, now, { token, leaseMs, refresh }) {
      const kind = cache.key?.type ?? 'none';
      if (kind !== 'none' && kind !== 'string') return { cache, reply: { kind: 'bypass' } };
      if (has('getOrLease looks for a value again') && cache.key !== undefined && !refresh)
        return { cache, reply: { kind: 'hit', value: cache.key.value } };

      if (cache.companion === 'other type') return { cache, reply: { kind: 'bypass' } };

      const fields = cache.companion ?? EMPTY;
      const live = fields.l !== undefined && fields.x! > now;
      const own = has('getOrLease gives a caller its own lease again') && fields.l === token;
      if (has('getOrLease makes readers wait for a live lease') && live && !own)
        return { cache, reply: { kind: 'wait', ms: fields.x! - now } };

      const companion = kept({ ...fields, l: token, x: now + leaseMs }, leaseMs);

      let holdMs = 0;
      if (has('getOrLease tells of the hold') && fields.p !== undefined) holdMs = Math.max(0, fields.p - now);
      const reply = { kind: 'lease', holdMs, gtid: fields.g ?? '', floor: fields.f ?? '' } as const;
      return { cache: { key: cache.key, companion }, reply };
    },

    fill(cache, now, { token, value, ttlMs, version, source, tombstoneMs }) {
      const fields = cache.companion;
      if (fields === undefined || fields === 'other type') return { cache, reply: 'voided' };
      if (has('fill refuses another token') && fields.l !== token) return { cache, reply: 'voided' };

      const left = has('fill removes the lease') ? withoutLease(fields) : fields;
      const refused = { key: cache.key, companion: unlessEmpty(left) };
      // A mutant gets here without a lease.
      if (has('fill refuses an expired lease') && fields.x !== undefined && fields.x <= now)
        return { cache: refused, reply: 'expired' };

      const { f: floor, p } = fields;
      const comparable =
        version !== '' &&
        floor !== undefined &&
        (version.length === floor.length || !has('fill compares only versions of one length'));
      if (has('fill refuses a version below the floor') && comparable && version < floor)
        return { cache: refused, reply: 'outdated' };
      if (source === 'replica') {
        if (has('fill refuses a replica during a hold') && p !== undefined && p > now)
          return { cache: refused, reply: 'hold' };
        if (has('fill refuses a replica where versions say nothing') && !comparable)
          return { cache: refused, reply: 'unknown' };
      }

      const key: Value = { type: 'string', value, ttl: ttlMs };
      if (version === '') {
        const notes = floor !== undefined && has('fill notes a value without a version beside a floor');
        return {
          cache: { key, companion: unlessEmpty(notes ? { ...left, u: '1' } : left) },
          reply: 'stored',
        };
      }
      const noted = has('fill forgets that note with a version') ? { ...left, u: undefined } : left;
      const raised = has('fill raises the floor') ? { ...noted, f: version } : noted;
      return {
        cache: { key, companion: unlessEmpty(kept(raised, ttlMs + tombstoneMs)) },
        reply: 'stored',
      };
    },

    invalidate(cache, now, { version, tombstoneMs, holdMs, gtid }) {
      let companion = cache.companion === 'other type' ? EMPTY : (cache.companion ?? EMPTY);
      const floor = companion.f;
      const notNewer = floor !== undefined && floor.length === version.length && version <= floor;
      const spared = (line: Line): boolean => notNewer && !has(line);

      const removes =
        has('invalidate removes the value') && !spared('invalidate removes the value whatever its version');
      const removed = removes && cache.key !== undefined ? 1 : 0;
      const key = removes ? undefined : cache.key;
      if (has('invalidate voids the lease') && !spared('invalidate voids the lease whatever its version'))
        companion = withoutLease(companion);

      companion = withoutNote(companion);

      if (version !== '' && has('invalidate raises the floor')) {
        const other =
          floor === undefined ||
          (floor.length !== version.length && has('invalidate takes over a version of another length'));
        if (other || floor < version || !has('invalidate never lowers the floor'))
          companion = { ...companion, f: version };
      }
      if (holdMs > 0 && has('invalidate sets the hold')) {
        const known = companion.p ?? 0;
        if (known < now + holdMs) companion = { ...companion, p: now + holdMs };
        const other =
          known > now && companion.g !== gtid && has('invalidate forgets the GTID of a running hold');
        if (gtid === '' || other) {
          if (other || has('invalidate forgets a GTID where it has none'))
            companion = { ...companion, g: undefined };
        } else if (has('invalidate notes the GTID')) companion = { ...companion, g: gtid };
      }
      const keep = Math.max(tombstoneMs, holdMs);
      return { cache: { key, companion: unlessEmpty(kept(companion, keep)) }, reply: removed };
    },

    update(cache, { version, form, value, ttlMs, create, tombstoneMs }) {
      const fields = cache.companion === 'other type' ? EMPTY : (cache.companion ?? EMPTY);
      let floor = fields.f;
      if (has('update compares only versions of one length') && floor?.length !== version.length)
        floor = undefined;

      if (has('update refuses a version below the floor') && floor !== undefined && version < floor)
        return { cache: { key: cache.key, companion: unlessEmpty(fields) }, reply: 'refused' };

      let { key } = cache;
      let reply: ModelUpdateReply = 'stored';
      const isUnknown = floor === undefined && has('update drops a value of unknown age');
      const isUnversioned = fields.u !== undefined && has('update drops a value without a version');
      if (key !== undefined && (isUnknown || isUnversioned)) {
        key = undefined;
        reply = 'dropped';
      } else if (key === undefined && !create && has('update creates only where it is told to')) {
        reply = 'skipped';
      } else {
        key = { type: form, value, ttl: ttlMs };
      }
      let companion = withoutNote(fields);
      if (has('update voids the lease')) companion = withoutLease(companion);
      if (has('update raises the floor')) companion = { ...companion, f: version };
      const keep = tombstoneMs + (reply === 'stored' ? ttlMs : 0);
      return { cache: { key, companion: unlessEmpty(kept(companion, keep)) }, reply };
    },
  };
}

function kept(companion: Companion, ms: number): Companion {
  return companion.ttl < ms ? { ...companion, ttl: ms } : companion;
}

/** Where the lease was all, M goes with it, and with its TTL. */
function withoutLease(companion: Companion): Companion {
  return unlessEmpty({ ...companion, l: undefined, x: undefined }) ?? EMPTY;
}

function withoutNote(companion: Companion): Companion {
  return unlessEmpty({ ...companion, u: undefined }) ?? EMPTY;
}

function unlessEmpty(companion: Companion): Companion | undefined {
  const { l, f, p, g, u } = companion;
  const isEmpty = [l, f, p, g, u].every((field) => field === undefined);
  return isEmpty ? undefined : companion;
}
