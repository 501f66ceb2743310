// The entry point for whichever program starts the pack: it strips the types itself, so that none of them has to check them.
require('../register.cjs');
require('./pack.ts');
