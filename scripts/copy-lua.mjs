// Puts the Lua scripts beside the compiled code, which reads them when it starts.
import { cpSync } from 'node:fs';

cpSync('src/protocol/lua', 'dist/protocol/lua', { recursive: true });
