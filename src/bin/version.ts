// The version of the program, from package.json (the bundler copies it in).

import manifest from '../../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
