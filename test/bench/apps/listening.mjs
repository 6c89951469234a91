// The app in APP as its own server, that closes as PM2's and Node's documentation have it.
import { createServer } from 'node:http';

const { default: app } = await import(process.env.APP);
const server = createServer(app);
server.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 2048 });
process.on('SIGINT', () => server.close(() => process.exit(0)));
