-- The account of the daemon: it follows the binlog, looks at the columns of the mapped tables, and keeps its
-- position in a database of its own. The password is the demo's; choose another anywhere else.
CREATE USER 'unstale'@'%' IDENTIFIED BY 'demo-only';
GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'unstale'@'%';
GRANT SELECT ON shop.* TO 'unstale'@'%';
GRANT CREATE, ALTER, SELECT, INSERT, UPDATE, DELETE ON unstale.* TO 'unstale'@'%';
