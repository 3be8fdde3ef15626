"""A bad link of IP packets: each is delayed, some are lost. Needs root on Linux.

    bad_link.py SOCKET DELAY_MS LOSS_PERCENT SEED

One end of a tunnel is in the network of the machine, the other in a private network namespace. A connection to that end
is relayed to the Unix socket SOCKET. Prints the address when it is ready, and on SIGTERM the number of lost packets.
Namespace, devices and addresses end with the process.
"""

import asyncio
import ctypes
import fcntl
import os
import random
import signal
import struct
import subprocess
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
PACKET_BYTES_MAX = 65_536
PORT = 1883

socket_path, delay_ms, loss_percent, seed = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
chance = random.Random(seed)
packets = lost = 0


def open_end(address, peer):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    answer = fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"tidegate%d", IFF_TUN | IFF_NO_PI))
    name = answer[:16].rstrip(b"\0").decode()
    subprocess.run(["ip", "addr", "add", address, "peer", peer, "dev", name], check=True)
    subprocess.run(["ip", "link", "set", name, "up"], check=True)
    return fd


def carry(source, target):
    global packets, lost
    try:
        packet = os.read(source, PACKET_BYTES_MAX)
    except BlockingIOError:
        return
    if packet[0] >> 4 != 4:
        return  # IPv6 packets that the kernel sends by itself
    packets += 1
    if chance.random() * 100 < loss_percent:
        lost += 1
    else:
        asyncio.get_running_loop().call_later(delay_ms / 1000, deliver, target, packet)


def deliver(target, packet):
    try:
        os.write(target, packet)
    except OSError:
        pass  # a full queue loses packets too


async def pump(reader, writer):
    try:
        while data := await reader.read(PACKET_BYTES_MAX):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def relay(reader, writer):
    try:
        onward, back = await asyncio.open_unix_connection(socket_path)
    except OSError:
        writer.close()
        return
    await asyncio.gather(pump(reader, back), pump(onward, writer))


async def main():
    subnet = f"198.18.{os.getpid() % 256}"  # reserved for tests of networks (RFC 2544)
    near_address, far_address = f"{subnet}.1", f"{subnet}.2"
    near = open_end(near_address, far_address)
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "no network namespace")
    far = open_end(far_address, near_address)
    loop = asyncio.get_running_loop()
    loop.add_reader(near, carry, near, far)
    loop.add_reader(far, carry, far, near)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await asyncio.start_server(relay, far_address, PORT)
    print(f"ready {far_address}:{PORT}", flush=True)
    await ended.wait()
    print(f"lost {lost} of {packets}", flush=True)
    os._exit(0)


asyncio.run(main())
