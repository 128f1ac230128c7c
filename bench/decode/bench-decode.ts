import { writeFile } from 'node:fs/promises';

import type { MysqlFlavour } from '../../scripts/servers/installed.ts';
import type { DecodeBenchOptions } from '../options.ts';
import { describeMachine, formatMachine } from '../report.ts';
import { startBenchMysql } from '../servers.ts';
import { measureDecode } from './measure.ts';
import type { DecodeResult } from './measure.ts';
import { READERS, READERS_OF_COMPRESSED } from './readers.ts';
import { formatDecode, judgeDecode } from './report.ts';

const COMPRESSION: Readonly<Record<MysqlFlavour, string>> = {
  mysql: '--binlog-transaction-compression=ON',
  mariadb: '--log-bin-compress=ON',
};

/** `npm run bench -- decode`: the readers of the binlog beside each other. See docs/benchmarks.md. */
export async function benchDecode(options: DecodeBenchOptions, say: (line: string) => void): Promise<void> {
  const { flavour, quick, rounds, compressed } = options;
  const mysql = await startBenchMysql(flavour, compressed ? [COMPRESSION[flavour]] : []);
  try {
    const machine = describeMachine({ mysql });
    say(formatMachine(machine));
    // MariaDB compresses single events, which zongji reads.
    const readers = compressed && flavour === 'mysql' ? READERS_OF_COMPRESSED : READERS;
    const results: DecodeResult[] = [];
    for (const dataset of options.datasets) {
      results.push(await measureDecode({ dataset, mysql, readers, rounds, quick, say }));
    }
    say(`\n${formatDecode(results)}\n`);
    for (const line of judgeDecode(results)) say(line);
    if (quick) say('\n--quick: the figures mean little');
    if (options.jsonFile !== undefined)
      await writeFile(options.jsonFile, `${JSON.stringify({ machine, options, results }, undefined, 2)}\n`);
  } finally {
    await mysql.destroy();
  }
}
