export default {
  files: ['.test-build/**/*.test.js'],
  // Signals, working directories and user ids are a process's, not a thread's.
  workerThreads: false,
  // The behaviour tests load the machine, and each starts a dozen processes: two files at a time, one test after the other in each.
  concurrency: 2,
  serial: true,
  timeout: '3m',
  failFast: false,
};
