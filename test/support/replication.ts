import type { TestMysqlServer } from './provider.ts';

/** What a replica is started with, behind a primary of the usual settings. */
export const REPLICA_ARGS = {
  mysql: ['--server-id=2'],
  mariadb: ['--server-id=2', '--log-slave-updates'],
} as const;

/** The statements that make a server without data a running replica of this one, by its account copy. */
export function replicate({ flavour, port }: TestMysqlServer): readonly string[] {
  return flavour === 'mysql'
    ? [
        `CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = ${port}, SOURCE_USER = 'copy',
           SOURCE_PASSWORD = 'copy', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1`,
        'START REPLICA',
      ]
    : [
        `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${port}, MASTER_USER = 'copy',
           MASTER_PASSWORD = 'copy', MASTER_USE_GTID = slave_pos`,
        'START SLAVE',
      ];
}

/** The same for a server that was the primary until now: it has the history already. */
export function replicateBack(server: TestMysqlServer): readonly string[] {
  return server.flavour === 'mysql'
    ? replicate(server)
    : ['SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos', ...replicate(server)];
}

export function stopReplica(flavour: TestMysqlServer['flavour']): string {
  return flavour === 'mysql' ? 'STOP REPLICA' : 'STOP SLAVE';
}
