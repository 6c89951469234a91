export default {
  files: ['.test-build/**/*.test.js'],
  // Signals, working directories and user ids are a process's, not a thread's.
  workerThreads: false,
  // The behaviour tests load the machine, and each starts a dozen processes; but half of their time they wait for a limit to pass: three files at
  // a time on two processors, one test after the other in each.
  concurrency: 3,
  serial: true,
  timeout: '3m',
  failFast: false,
};
