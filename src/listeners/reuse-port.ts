/**
 * Several sockets for one TCP address (master): the kernel divides the connections between those of them that listen. socket(7), SO_REUSEPORT.
 *
 * The first is bound without the option, so that an address that anybody else has is refused as ever, by the kernel and at once; it is set
 * afterwards. node-unix-socket's createReuseportFd would set it from the start, and bind `[::]` for IPv4 too.
 */
import { bind, C, getOption, setReuseAddress, setReusePort, setV6Only } from '../sys/sockets.js';
import { parseLabel, type TcpAddress } from './address.js';
import { opened, verified } from './bind.js';
import { complaint } from './complaints.js';
import type { Listener } from './listener.js';
import { encodeName } from './socket-name.js';

/** From now on other sockets of this user may be bound beside this one: it may listen already. */
export function allowBeside(listener: Listener): void {
  setReusePort(listener.fd);
}

/** Whether others may be bound beside it. */
export function mayHaveBeside(listener: Listener): boolean {
  return tcpAddressOf(listener) !== undefined && getOption(listener.fd, C.SOL_SOCKET, C.SO_REUSEPORT, 4).some((byte) => byte !== 0);
}

/**
 * Another socket for the address of a listener that allows it. It does not listen yet: as soon as it does, it has its share of the connections,
 * and what waits in its queue is reset when its last holder closes it.
 * @throws HoldfastError as bindListener does; also "in use" when the other socket is another user's. socket(7)
 */
export function bindBeside(listener: Listener): Listener {
  const address = tcpAddressOf(listener);
  if (address === undefined) throw new TypeError(`${listener.address} is no TCP address`);
  try {
    return opened(address, (fd) => {
      if (address.is === 'tcp6') setV6Only(fd);
      setReusePort(fd);
      // For connections that were accepted before the option was set: they do not have it.
      setReuseAddress(fd);
      bind(fd, encodeName(address));
      return { address: listener.address, bound: verified(fd, address), fd };
    });
  } catch (error) {
    throw complaint(error, address);
  }
}

/** Of a listener that was asked for by its address: a descriptor that somebody else opened stays as it is. */
function tcpAddressOf({ address, bound }: Listener): TcpAddress | undefined {
  const [asked, real] = [parseLabel(address), parseLabel(bound)];
  return asked !== undefined && 'port' in asked && real !== undefined && 'port' in real ? real : undefined;
}
