/** A name in backticks, as MySQL quotes identifiers. */
export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
