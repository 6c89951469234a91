export default {
  files: ['.test-build/**/*.test.js'],
  // Signals, working directories and user ids are a process's, not a thread's.
  workerThreads: false,
  // One file at a time, and one test after the other: with this AVA looks at no `concurrency`. The behaviour tests load the machine, and each
  // starts a dozen processes.
  serial: true,
  timeout: '3m',
  failFast: false,
};
