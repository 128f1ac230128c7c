/** A table of the live server and whether its primary key can name cache keys. */
export interface StarterTable {
  readonly schema: string;
  readonly table: string;
  /** In the key's order. */
  readonly primaryKey: readonly string[];
  readonly usable: boolean;
  /** Why it is not usable. */
  readonly reason?: string;
}

export interface StarterOptions {
  readonly clientId: string;
  /** Without a password. */
  readonly sourceUrl: string;
  /** Without a password. */
  readonly redisUrl: string;
  readonly tables: readonly StarterTable[];
}

/**
 * The commented configuration that `unstale init` writes: one rule for each table, from its primary key. It
 * loads as it is if MYSQL_PASSWORD is set and at least one table is usable.
 */
export function renderStarter(options: StarterOptions): string {
  const { clientId, sourceUrl, redisUrl, tables } = options;
  const names = tables.map(({ table }) => table);
  const ambiguous = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  const rules = tables.map((table) => renderTable(table, ambiguous.has(table.table)));
  const hasUser = (URL.parse(sourceUrl)?.username ?? '') !== '';
  const lines = [
    '# Written by `unstale init`. docs/configuration.md describes every field.',
    '# Next: adapt the keys to what your application writes, then run `unstale check`.',
    '',
    '# Names this daemon in its state table, in metrics and in logs.',
    `client_id: ${quote(clientId)}`,
    '',
    'source:',
    `  url: ${quote(sourceUrl)}`,
    ...(hasUser ? [] : ['  user: unstale']),
    '  password: ${MYSQL_PASSWORD}',
    '  # Where to begin when no position is stored: latest, earliest, FILE:POS or a GTID set.',
    '  init_position: latest',
    '',
    '# The position is kept in the database unstale on the source. For another server:',
    '# state:',
    '#   url: mysql://unstale@127.0.0.1:3306',
    '#   password: ${STATE_PASSWORD}',
    '',
    'redis:',
    `  url: ${quote(redisUrl)}`,
    '  # password: ${REDIS_PASSWORD}',
    '',
    '# When a row of the table changes, its keys are deleted: those of the old row and of the new one.',
    '# {column} is the value of a column. Several keys: keys: ["user:{id}", "user:by-email:{email}"]',
    rules.some((rule) => rule.active) ? 'rules:' : 'rules: [] # No table is usable: write at least one rule.',
    ...rules.flatMap((rule) => rule.lines),
    '',
    '# Metrics, health and actions for the operator; another address needs a token. Off: listen: off',
    'admin:',
    '  listen: 127.0.0.1:9630',
    '',
    'log:',
    '  level: info',
    '  format: json',
  ];
  return `${lines.join('\n')}\n`;
}

function renderTable(table: StarterTable, ambiguous: boolean): { active: boolean; lines: string[] } {
  const refusal = refusalOf(table);
  const name = `${quoteName(table.schema)}.${quoteName(table.table)}`;
  if (refusal !== undefined) {
    return { active: false, lines: [`  # - table: ${oneLine(name)}`, `  #   no rule: ${oneLine(refusal)}`] };
  }
  const prefix = ambiguous ? `${table.schema}:${table.table}` : table.table;
  const key = [
    prefix.replace(/[{}]/g, '$&$&'),
    ...table.primaryKey.map((column) => `{${templateName(column)}}`),
  ].join(':');
  return { active: true, lines: [`  - table: ${quote(name)}`, `    key: ${quote(key)}`] };
}

function refusalOf({ usable, reason, primaryKey }: StarterTable): string | undefined {
  const expressible = usable && primaryKey.length > 0;
  return expressible ? undefined : (reason ?? 'it has no usable primary key');
}

/** A column's name as key templates spell it. */
function templateName(column: string): string {
  const plain = /^[\w$\u0080-\uFFFF-]+$/.test(column) && column !== 'schema' && column !== 'table';
  return plain && column.trim() === column ? column : `\`${column.replaceAll('`', '``')}\``;
}

function quoteName(name: string): string {
  return /^[\w$\u0080-\uFFFF-]+$/.test(name) ? name : `\`${name.replaceAll('`', '``')}\``;
}

/** The text as a YAML scalar that is not interpolated: plain where it is surely plain, else in double quotes. */
function quote(text: string): string {
  const literal = text.replaceAll('${', () => '$${');
  const plain = /^[A-Za-z][\w:/.@{}$+-]*[\w}/]$/.test(literal) && !/^(?:null|true|false)$/i.test(literal);
  return plain ? literal : JSON.stringify(literal);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
