// What a process of ours is started from: one file, and CommonJS. Eighty ES modules, and Node's loader for them, cost each master and each worker
// about as much time again as Node's own start. dist/ has them all the same, for the public modules and the tests.
export default {
  input: { holdfast: 'src/cli/main.ts', worker: 'src/worker/main.ts' },
  platform: 'node',
  external: /^[^./]/,
  output: {
    // Beside the rooms, so that a path relative to a module's own is right in both.
    dir: 'dist/start',
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    comments: false,
  },
};
