import { writeFileSync } from 'node:fs';

// Loaded before the command line: leaves behind how much memory the process had at most, in MiB.
const { MOST_MEMORY: file } = process.env;
process.once('exit', () => writeFileSync(file, String(Math.round(process.resourceUsage().maxRSS / 1024))));
