import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CATALOG, policyOf } from './catalog.ts';
import type { ErrorCode } from './catalog.ts';

const CODES = Object.keys(ERROR_CATALOG) as ErrorCode[];
const docs = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** Heading to body of every section that is about a code. */
const sections = new Map(
  [...docs.matchAll(/^### (UNSTALE_\w+)\n([^]*?)(?=^#{1,3} |(?![^]))/gm)].map(([, code = '', body = '']) => [
    code,
    body,
  ]),
);

describe('the error catalogue', () => {
  it.each(CODES)('%s says what to do in a sentence', (code) => {
    expect(code).toMatch(/^UNSTALE_[A-Z]+(?:_[A-Z]+)*$/);
    expect(policyOf(code).hint).toMatch(/\S\.$/);
  });

  it.each(CODES)('%s ends with an exit code that is not success', (code) => {
    expect(policyOf(code).exitCode).toBeGreaterThan(0);
  });
});

describe('docs/errors.md', () => {
  it('has a section for every code, in the order of the catalogue, and no other', () => {
    expect([...sections.keys()]).toEqual(CODES);
  });

  it('mentions no code that does not exist', () => {
    const mentioned = new Set([...docs.matchAll(/\bUNSTALE_[A-Z_]*[A-Z]\b/g)].map(([code]) => code));
    const variables = ['UNSTALE_RUN_DIR'];
    expect(
      [...mentioned].filter((code) => !CODES.includes(code as ErrorCode) && !variables.includes(code)),
    ).toEqual([]);
  });

  it.each(CODES)('%s: states directive and exit code as the catalogue has them', (code) => {
    const { directive, exitCode } = policyOf(code);
    expect(sections.get(code)).toContain(`\n**${directive}**, exit code ${exitCode}`);
  });

  it.each(CODES)('%s: says what the operator does', (code) => {
    expect(sections.get(code)).toMatch(/^\*\*You:\*\* \S/m);
  });
});
