// Puts what the compiled code reads when it runs beside it: the Lua scripts and the files of the console.
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

cpSync('src/protocol/lua', 'dist/protocol/lua', { recursive: true });

const [from, to] = ['src/admin/console', 'dist/admin/console'];
for (const name of readdirSync(from)) {
  if (/\.(?:html|css|js)$/.test(name)) cpSync(join(from, name), join(to, name));
}
