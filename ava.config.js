export default {
  files: ['.test-build/**/*.test.js'],
  // Signals, working directories and user ids are a process's, not a thread's.
  workerThreads: false,
  // The behaviour tests load the machine, and each starts a dozen processes.
  concurrency: 2,
  timeout: '3m',
  failFast: false,
};
