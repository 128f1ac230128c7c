import * as z from 'zod';
import { ALL_EVENTS } from '../mapping/rule.ts';
import { VALUE_FORMATS } from '../mapping/value-template.ts';
import { parseColumnName } from './column-name.ts';
import { ANY_TEXT, oneOf, SOME_TEXT, textWithUnit, wholeNumber } from './editor-shape.ts';
import { parseInitPosition } from './init-position.ts';
import { parsePercentage } from './percentage.ts';
import { parseLeaseTimeout } from './lease-timeout.ts';
import { LEAST_SCAN_RATE, parseScanRate } from './scan-rate.ts';
import { parseListen } from './listen-address.ts';
import { parseNodeAddress } from './node-address.ts';
import {
  boolean,
  choice,
  choiceOrTexts,
  duration,
  integer,
  list,
  matching,
  scalar,
  secret,
  section,
  size,
  text,
  tree,
} from './scalars.ts';
import { parseTableName, parseTableSelector } from './table-name.ts';

const GUARDS = ['none', 'lease', 'version'] as const;

/** A batch has to fit into memory several times. */
const MOST_COMMANDS = 1_000_000;
/** Of one Redis master. */
const MOST_REPLICAS = 16;

const WHEN_SHAPE = {
  type: 'object',
  additionalProperties: false,
  properties: { changed: { type: 'array', items: ANY_TEXT, minItems: 1 } },
};
const WHERE_SHAPE = { type: 'object', minProperties: 1 };
const VERSION_SHAPE = {
  anyOf: [
    { enum: ['binlog'] },
    { type: 'object', additionalProperties: false, properties: { column: SOME_TEXT }, required: ['column'] },
  ],
};
const VALUE_SHAPE = {
  type: 'object',
  additionalProperties: false,
  required: ['columns'],
  properties: {
    format: { enum: ['json', 'string', 'hash'] },
    columns: {
      type: 'array',
      minItems: 1,
      items: {
        anyOf: [
          SOME_TEXT,
          {
            type: 'object',
            additionalProperties: false,
            required: ['column'],
            properties: { column: SOME_TEXT, as: SOME_TEXT, format: { enum: VALUE_FORMATS } },
          },
        ],
      },
    },
  },
};

function nodeAddress() {
  return scalar(parseNodeAddress, textWithUnit(String.raw`.+:\d{1,5}`)).unwrap();
}

const connection = {
  url: text(),
  host: text(),
  port: integer(1, 65_535),
  user: text(),
  password: secret(),
  password_file: text(),
  socket_path: text(),
  ssl_mode: choice(['disabled', 'preferred', 'required', 'verify_ca', 'verify_identity']),
  ssl_ca: text(),
  ssl_cert: text(),
  ssl_key: text(),
  connect_timeout: duration(),
};

const rule = z.strictObject({
  table: scalar(parseTableSelector),
  key: text(),
  keys: list(z.string()),
  keys_from_set: text(),
  on: list(choice(ALL_EVENTS).unwrap()),
  when: tree(WHEN_SHAPE),
  where: tree(WHERE_SHAPE),
  lookup: text(),
  max_keys: integer(1, MOST_COMMANDS),
  generation: text(),
  max_keys_per_transaction: integer(1, MOST_COMMANDS),
  max_deletes_per_second: integer(1, MOST_COMMANDS),
  outbox: scalar(parseTableName),
  key_column: scalar(parseColumnName),
  prefix_column: scalar(parseColumnName),
  generation_column: scalar(parseColumnName),
  prefixes: list(z.string()),
  action: choice(['delete', 'update']),
  guard: choice(GUARDS),
  replica_hold: duration(),
  value: tree(VALUE_SHAPE),
  version: tree(VERSION_SHAPE),
  ttl: duration(),
  ttl_jitter: scalar(parsePercentage, textWithUnit(String.raw`\d{1,3}%`)),
  create: boolean(),
  redelete: list(duration().unwrap()),
});

/** What a file that `include` names may hold. */
export const includedSchema = z.strictObject({ rules: list(rule) });

/**
 * The shape of a configuration file. Every field is optional here: what is required, and what depends on
 * another field, is decided where the sections are resolved, so that one run reports every problem.
 */
export const configSchema = z.strictObject({
  client_id: matching(
    /^[A-Za-z0-9_.-]{1,64}$/,
    'is not a name of 1 to 64 letters, digits, _ . and -',
    'write for example shop',
  ),
  source: section({
    ...connection,
    server_id: integer(1, 2 ** 32 - 1),
    init_position: scalar(parseInitPosition, oneOf(['latest', 'earliest'], { type: 'string', minLength: 5 })),
    resume_by: choice(['auto', 'gtid', 'file']),
    verify_checksums: boolean(),
    on_gap: choice(['halt', 'invalidate']),
    gap_wait: duration({ zero: true }),
    heartbeat_interval: duration(),
    silence_timeout: duration(),
    start_timeout: duration(),
    max_buffered_bytes: size(),
    row_metadata: choice(['full', 'minimal']),
    barrier: choiceOrTexts(['source', 'none']),
    barrier_timeout: duration(),
    hints: boolean(),
  }),
  state: section({
    ...connection,
    database: matching(/^[A-Za-z0-9_$]{1,64}$/, 'is not a plain database name', 'write for example unstale'),
    flush_interval: duration(),
    lease_timeout: scalar(parseLeaseTimeout, textWithUnit(String.raw`\d+(?:ms|s|m)`)),
  }),
  redis: section({
    url: text(),
    host: text(),
    port: integer(1, 65_535),
    username: text(),
    password: secret(),
    password_file: text(),
    db: integer(0, 2 ** 31 - 1),
    socket_path: text(),
    tls: section({
      ca: text(),
      cert: text(),
      key: text(),
      servername: text(),
      reject_unauthorized: boolean(),
    }),
    connect_timeout: duration(),
    command_timeout: duration(),
    socket_timeout: duration(),
    scope_scan_rate: scalar(parseScanRate, oneOf(['unlimited'], wholeNumber(LEAST_SCAN_RATE))),
    sentinel: section({
      name: text(),
      nodes: list(nodeAddress()),
      username: text(),
      password: secret(),
    }),
    cluster: list(nodeAddress()),
    applied_interval: duration(),
    failover_replay: duration(),
    wait_replicas: integer(0, MOST_REPLICAS),
  }),
  batch: section({
    max_commands: integer(1, MOST_COMMANDS),
    max_bytes: size(),
    max_delay: duration({ zero: true }),
    in_flight: integer(1, 64),
  }),
  guard: choice(GUARDS),
  replica_hold: duration(),
  tombstone: duration(),
  rules: list(rule),
  include: list(text().unwrap()),
  lookups: section({
    ...connection,
    timeout: duration(),
    cache: duration({ zero: true }),
    max_keys: integer(1, MOST_COMMANDS),
  }),
  max_deletes_per_second: integer(1, MOST_COMMANDS),
  publish: section({
    channel: text(),
    stream: text(),
    max_len: integer(1, 1_000_000_000),
  }),
  reload: section({ watch: boolean(), invalidate: boolean() }),
  admin: section({
    listen: scalar(parseListen, textWithUnit(String.raw`off|.+:\d{1,5}`)),
    token: secret(),
  }),
  health: section({ max_lag: duration() }),
  shutdown_timeout: duration(),
  log: section({
    level: choice(['debug', 'info', 'warn', 'error']),
    format: choice(['json', 'pretty']),
  }),
});

/** A configuration of the right shape, with all fields optional. */
export type RawConfig = z.output<typeof configSchema>;
/** What an included file holds. */
export type RawIncluded = z.output<typeof includedSchema>;
export type RawSource = NonNullable<RawConfig['source']>;
export type RawState = NonNullable<RawConfig['state']>;
export type RawLookups = NonNullable<RawConfig['lookups']>;
export type RawRedis = NonNullable<RawConfig['redis']>;
export type RawRule = z.output<typeof rule>;
/** The fields that `source` and `state` share. */
export type RawConnection = Pick<RawSource, keyof typeof connection>;
