import { checkBarrierServer } from './binlog/preflight/barrier-server.ts';
import { formatPreflight } from './binlog/preflight/format.ts';
import { runPreflight } from './binlog/preflight/preflight.ts';
import type { PreflightProblem, PreflightReport } from './binlog/preflight/problem.ts';
import type { ConditionColumn, KeyColumn, ValueColumn } from './binlog/preflight/tables.ts';
import type { Guard } from './change/command.ts';
import type { Filter } from './change/filter.ts';
import { conditionUses } from './mapping/condition.ts';
import { ruleColumns, ruleTemplates } from './mapping/compile-table-rule.ts';
import { guardWithoutVersion } from './mapping/guard.ts';
import { versionOf } from './mapping/compile-versioned-rule.ts';
import { selectorOf } from './mapping/rule.ts';
import type { Rule } from './mapping/rule.ts';
import { valueFields } from './mapping/value-template.ts';
import { appliedKey } from './protocol/applied.ts';
import { companionKey } from './protocol/companion-key.ts';
import { compileSelector, formatSelector } from './mapping/table-selector.ts';
import { templateValues } from './mapping/template.ts';
import type { KeyTemplate } from './mapping/template.ts';
import type { TablePattern } from './binlog/preflight/patterns.ts';
import type { WriteSample } from './redis/sample-commands.ts';
import type { Config } from './config/config.ts';
import { nearestName } from './errors/nearest-name.ts';
import { openBarrierClients } from './connections.ts';
import { policyOf } from './errors/catalog.ts';
import { asUnstaleError, UnstaleError } from './errors/unstale-error.ts';
import type { Log, SqlClient } from './pipeline/ports.ts';
import type { RedisConnection } from './redis/connection.ts';
import { checkVersionSources } from './rule-check/version-sources.ts';
import { stateDdl } from './state/migrations.ts';

/** What was found of the servers that a configuration names. */
export interface CheckReport {
  readonly source: PreflightReport;
  /** Why Redis cannot be used, if it cannot. */
  readonly redis: UnstaleError | undefined;
}

/** The statements that create the state tables, for an account that may not create them itself. */
export function stateTables(config: Config): string[] {
  return stateDdl(config.state.database);
}

/** Whether a start would succeed. */
export function isHealthy(report: CheckReport): boolean {
  return (
    report.redis === undefined && report.source.problems.every((problem) => problem.severity !== 'error')
  );
}

/** The report for people. */
export function formatCheck(report: CheckReport): string {
  const redis =
    report.redis === undefined
      ? 'Redis: ok'
      : `Redis: ${report.redis.message} (${report.redis.code})\n  hint: ${report.redis.policy.hint}`;
  return `${formatPreflight(report.source)}\n${redis}`;
}

/**
 * Refuses to start on servers that cannot be followed.
 * @throws UnstaleError of the only problem, or UNSTALE_PRECONDITION that lists all of them.
 */
export async function requirePreconditions(
  config: Config,
  client: SqlClient,
  redis: RedisConnection,
  log: Log,
): Promise<void> {
  const [source, failure] = await Promise.all([
    preflight(config, client, log),
    redisProblem(config, redis, log),
  ]);
  for (const problem of source.problems) {
    if (mayPass(problem)) log.warn({ code: problem.code, fix: problem.fix }, problem.message);
  }
  const errors = source.problems.flatMap((problem) =>
    problem.severity === 'error' && !mayPass(problem) ? [problem] : [],
  );
  const [only] = errors;
  if (only === undefined && failure === undefined) return;
  if (only === undefined && failure !== undefined) throw failure;
  if (only !== undefined && errors.length === 1 && failure === undefined) {
    throw new UnstaleError(
      only.code,
      only.fix === undefined ? only.message : `${only.message} Fix: ${only.fix}`,
    );
  }
  throw new UnstaleError(
    'UNSTALE_PRECONDITION',
    `the servers cannot be followed:\n${formatCheck({ source, redis: failure })}`,
  );
}

/** A server of the barrier that is down must not keep the daemon from starting: deletes are repeated meanwhile. */
function mayPass(problem: PreflightProblem): boolean {
  return problem.severity !== 'error' || policyOf(problem.code).directive === 'retry';
}

/** What is wrong with the source and the servers of the barrier. @throws UnstaleError when the source cannot be asked. */
export async function preflight(config: Config, client: SqlClient, log: Log): Promise<PreflightReport> {
  const report = await runPreflight({
    client,
    interests: config.plan.interests,
    keyColumns: keyColumns(config),
    conditionColumns: conditionColumns(config),
    valueColumns: valueColumns(config),
    patterns: patterns(config),
    hints: config.source.hints,
    serverId: config.source.serverId,
    user: config.source.connection.user,
    stateDatabase: config.state.sameServer ? config.state.database : undefined,
    readOnly: config.dryRun ?? false,
    rowMetadata: config.source.rowMetadata,
    nearestName,
    log,
  });
  const problems = [...report.problems, ...checkVersionSources(config.plan.rules)];
  if (config.source.barrier === 'source') return { ...report, problems };
  const named = openBarrierClients(config);
  try {
    const found = await Promise.all(named.map((server) => checkBarrierServer(server, report.server)));
    return { ...report, problems: [...problems, ...found.flat()] };
  } finally {
    await Promise.all(named.map((server) => server.client.close()));
  }
}

/** Why Redis cannot be used; undefined if it can. Never rejects. */
export async function redisProblem(
  config: Config,
  redis: RedisConnection,
  log: Log,
): Promise<UnstaleError | undefined> {
  // Nothing is written: neither Redis itself nor a right in it is needed.
  if (config.dryRun) return undefined;
  try {
    await redis.checkReady(config.redis.connectTimeout);
    if ((await redis.probe(sampleKeys(config))) === 'unknown')
      log.warn(
        {},
        'the rights in Redis cannot be looked at (MULTI): one that is missing stops the daemon when it is needed',
      );
    return undefined;
  } catch (error) {
    return asUnstaleError(error);
  }
}

function keyColumns({ plan }: Config): KeyColumn[] {
  return plan.rules.flatMap((rule) => {
    const { matches: selects } = compileSelector(selectorOf(rule));
    if (rule.kind === 'outbox') {
      // A row may leave any of them NULL, as a template with a default may.
      const filters: Filter[] = [{ kind: 'default', text: '' }];
      return ruleColumns(rule).map((column): KeyColumn => ({ selects, column, filters }));
    }
    return ruleTemplates(rule).flatMap((template) =>
      templateValues(template).map((value): KeyColumn => ({ selects, ...value })),
    );
  });
}

function conditionColumns({ plan }: Config): ConditionColumn[] {
  return plan.rules.flatMap((rule) => {
    if (rule.kind === 'outbox' || rule.condition === undefined) return [];
    const { matches: selects } = compileSelector(selectorOf(rule));
    return conditionUses(rule.condition).flatMap(({ column, use }): ConditionColumn[] =>
      use === 'null' ? [] : [{ selects, column, compares: use === 'changed' ? 'change' : 'value' }],
    );
  });
}

function valueColumns({ plan }: Config): ValueColumn[] {
  return plan.rules.flatMap((rule): ValueColumn[] => {
    if (rule.kind === 'outbox') return [];
    const { matches: selects } = compileSelector(selectorOf(rule));
    const version = versionOf(rule.action);
    return [
      ...(version?.kind === 'column' ? [{ selects, column: version.column, use: 'version' as const }] : []),
      ...(rule.action.kind === 'update'
        ? valueFields(rule.action.value).map(({ column, format }) => ({ selects, column, use: format }))
        : []),
    ];
  });
}

/** The patterns of tables among the rules. */
export function patterns({ plan }: Config): TablePattern[] {
  return plan.rules.flatMap((rule) => {
    const selector = selectorOf(rule);
    if (selector.kind === 'exact') return [];
    return [{ text: formatSelector(selector), matches: compileSelector(selector).matches }];
  });
}

/** A key for each thing that the rules may do to one, to ask for the right to do it. */
function sampleKeys({ plan, publish, redis, clientId }: Config): WriteSample {
  const rules = plan.rules.filter((rule) => rule.kind === 'table');
  const outboxes = plan.rules.filter((rule) => rule.kind === 'outbox');
  const named = [
    ...rules.flatMap((rule) => rule.keys.map((template) => ({ rule, key: sampleKey(template) }))),
    ...outboxes.flatMap((rule) => rule.prefixes.map((prefix) => ({ rule, key: `${prefix}${SAMPLE}` }))),
  ];
  const keysOf = (wanted: (rule: Rule) => boolean): string[] =>
    named.filter(({ rule }) => wanted(rule)).map(({ key }) => key);
  return {
    deletes: [...keysOf(() => true), ...keysOf((rule) => guardKind(rule) === 'lease').map(companionKey)],
    scripts: keysOf((rule) => guardKind(rule) === 'marker'),
    values: keysOf((rule) => rule.kind === 'table' && rule.action.kind === 'update'),
    ...(redis.appliedInterval === undefined ? {} : { notes: [appliedKey(clientId)] }),
    generations: rules.flatMap(({ generation }) => (generation === undefined ? [] : [sampleKey(generation)])),
    sets: rules.flatMap(({ keysFromSet }) => keysFromSet.map(sampleKey)),
    publish,
  };
}

/** What protects the keys of a rule. */
function guardKind(rule: Rule): Guard['kind'] | undefined {
  if (rule.kind === 'table' && rule.action.kind === 'update') return 'marker';
  const guard =
    rule.kind === 'outbox' ? rule.guard : rule.action.kind === 'delete' ? rule.action.guard : undefined;
  return guard === undefined ? undefined : guardWithoutVersion(guard)?.kind;
}

const SAMPLE = 'unstale-probe';

function sampleKey(template: KeyTemplate): string {
  return template.parts.map((part) => (part.kind === 'literal' ? part.text : SAMPLE)).join('');
}
