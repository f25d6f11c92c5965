/**
 * The only door to the test addon: network namespaces of threads, raw frames, and BPF programs run, attached and timed
 * without the product. Failures are plain errors that name the call.
 */

import { execFileSync } from 'node:child_process';
import { readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Longest packet that BPF_PROG_TEST_RUN takes: a page, less the room that the kernel keeps around it. */
export const MAX_TEST_PACKET_BYTES = 3500;
const MIN_TEST_PACKET_BYTES = 14;
const MAX_UINT32 = 0xffff_ffff;
const MAX_INT32 = 0x7fff_ffff;
const VIRTIO_NET_HEADER_BYTES = 10;
const FLOW_COUNT_MAP = '.data.generate';

interface Addon {
  enterNetworkNamespace(name: string): void;
  enterNewNetworkNamespace(): void;
  leaveNetworkNamespace(): void;
  sendFrame(order: object): void;
  openTun(networkNamespace: string, name: string): number;
  loadPrograms(objectPath: string): { name: string; id: number; descriptor: number }[];
  attachProgram(programId: number, interfaceName: string, egress: boolean): number;
  attachedProgramCount(networkNamespace: string, interfaceName: string): number;
  writeMapWord(programId: number, mapName: string, value: number): void;
  progTestRun(order: object): Promise<TestRunResult[]>;
  closeDescriptor(descriptor: number): void;
  enableBpfRunTime(): number;
  readBpfRunTime(programId: number): { timeNs: number; runs: number };
}

const addon = createRequire(import.meta.url)('./native/build/Release/test_support.node') as Addon;

/**
 * Moves the calling thread, with the sockets and processes it makes from now on, to the namespace of this name: meant for
 * worker threads. libuv's own threads (file system, getaddrinfo) stay where they are.
 */
export function enterNetworkNamespace(name: string): void {
  addon.enterNetworkNamespace(name);
}

/** The same with a fresh namespace without a name; its loopback is down. */
export function enterNewNetworkNamespace(): void {
  addon.enterNewNetworkNamespace();
}

/** Moves the calling thread back to the namespace of the process's main thread. */
export function leaveNetworkNamespace(): void {
  addon.leaveNetworkNamespace();
}

/** What a driver would tell about a packet (struct virtio_net_hdr): an unfinished checksum, and segmentation. */
export interface VirtioNetHeader {
  /** 1: the checksum at checksumStart + checksumOffset is to be completed. */
  readonly flags: number;
  /** 1: TCP over IPv4, 4: TCP over IPv6, 5: UDP. */
  readonly gsoType: number;
  readonly headerBytes: number;
  /** Payload bytes of each segment. */
  readonly gsoBytes: number;
  readonly checksumStart: number;
  readonly checksumOffset: number;
}

export interface Frame {
  /** Name as in /run/netns; absent: the namespace of the calling thread. */
  readonly networkNamespace?: string;
  readonly interface: string;
  /** From the Ethernet header on, without FCS. */
  readonly frame: Uint8Array;
  readonly virtioNetHeader?: VirtioNetHeader;
  /** How many times; default 1. */
  readonly count?: number;
}

/** Sends through a packet socket; returns when the interface has taken the last one. */
export function sendFrame({ networkNamespace = '', interface: name, frame, virtioNetHeader, count = 1 }: Frame): void {
  const header = virtioNetHeader === undefined ? new Uint8Array() : encodeVirtioNetHeader(virtioNetHeader);
  addon.sendFrame({ networkNamespace, interface: name, frame, header, count });
}

function encodeVirtioNetHeader(header: VirtioNetHeader): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(VIRTIO_NET_HEADER_BYTES));
  bytes.setUint8(0, header.flags);
  bytes.setUint8(1, header.gsoType);
  // The kernel reads the fields in the byte order of the machine; both of ours are little-endian.
  bytes.setUint16(2, header.headerBytes, true);
  bytes.setUint16(4, header.gsoBytes, true);
  bytes.setUint16(6, header.checksumStart, true);
  bytes.setUint16(8, header.checksumOffset, true);
  return new Uint8Array(bytes.buffer);
}

export interface Tun {
  /** Lets a packet come in on the device, from its IP header on. */
  write(packet: Uint8Array): void;
  /** The next packet that left by the device; undefined when there is none. */
  read(): Uint8Array | undefined;
  /** The device goes away. */
  close(): void;
}

const MAX_TUN_PACKET_BYTES = 65_536;

/** Makes a tun device in the namespace of this name. */
export function openTun(networkNamespace: string, name: string): Tun {
  const descriptor = addon.openTun(networkNamespace, name);
  const buffer = new Uint8Array(MAX_TUN_PACKET_BYTES);
  return {
    write: (packet) => void writeSync(descriptor, packet),
    read: () => {
      try {
        return buffer.slice(0, readSync(descriptor, buffer));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
        throw error;
      }
    },
    close: closeOnce([descriptor]),
  };
}

export interface LoadedPrograms {
  /** Kernel ids by program name. */
  readonly programIds: Readonly<Record<string, number>>;
  /** Unloads what is attached nowhere. */
  close(): void;
}

/** Loads every program of a BPF object. */
export function loadPrograms(objectPath: string): LoadedPrograms {
  const programs = addon.loadPrograms(objectPath);
  return {
    programIds: Object.fromEntries(programs.map(({ name, id }) => [name, id])),
    close: closeOnce(programs.map(({ descriptor }) => descriptor)),
  };
}

/** Puts a program before all others of an interface in the calling thread's namespace; the result takes it off. */
export function attachProgram(programId: number, interfaceName: string, direction: 'ingress' | 'egress'): () => void {
  return closeOnce([addon.attachProgram(programId, interfaceName, direction === 'egress')]);
}

/**
 * Programs at the tcx hooks of an interface in the namespace of this name, ingress and egress together; where the kernel
 * has no tcx, filters of its clsact. The bpftool of older distributions does not show the former.
 */
export function attachedProgramCount(networkNamespace: string, interfaceName: string): number {
  try {
    return addon.attachedProgramCount(networkNamespace, interfaceName);
  } catch (error) {
    // A kernel that does not know these hooks.
    if (!String(error).includes('BPF_PROG_QUERY: Invalid argument')) throw error;
  }
  const inside = networkNamespace === '' ? [] : ['-n', networkNamespace];
  const filters = ['ingress', 'egress'].map((direction) =>
    execFileSync('tc', [...inside, 'filter', 'show', 'dev', interfaceName, direction], { encoding: 'utf8' }),
  );
  return filters.join('').match(/ handle 0x/g)?.length ?? 0;
}

/** How many flows the packets of a program that includes bench/bpf/generate.h belong to; at any time, also mid-run. */
export function setFlowCount(programId: number, flows: number): void {
  checkInteger('flows', flows, 1, MAX_UINT32);
  addon.writeMapWord(programId, FLOW_COUNT_MAP, flows);
}

export interface TestRun {
  readonly programId: number;
  readonly packet: Uint8Array;
  /** Runs by each thread. */
  readonly repeat: number;
  /** Each on a CPU of its own; default 1. */
  readonly threads?: number;
  /** What the program finds in its context; zero where absent. ifindex is one of the calling thread's namespace. */
  readonly context?: {
    readonly ifindex?: number;
    readonly ingressIfindex?: number;
    /** Payload bytes of each segment. */
    readonly gsoSize?: number;
    readonly gsoSegs?: number;
  };
}

export interface TestRunResult {
  /** Mean of a run by the kernel's clock, in whole nanoseconds. */
  readonly durationNs: number;
  /** CPU time of the thread for all runs: what to use on a busy machine. */
  readonly cpuNs: number;
  readonly retval: number;
}

/**
 * Runs a program over the same packet again and again; what the program writes to the packet stays for the next run.
 * Resolves with one result a thread. The event loop is free meanwhile.
 */
export async function progTestRun(run: TestRun): Promise<TestRunResult[]> {
  const { programId, packet, repeat, threads = 1, context = {} } = run;
  checkInteger('packet length', packet.length, MIN_TEST_PACKET_BYTES, MAX_TEST_PACKET_BYTES);
  checkInteger('repeat', repeat, 1, MAX_INT32);
  checkInteger('threads', threads, 1, MAX_INT32);
  const { ifindex = 0, ingressIfindex = 0, gsoSize = 0, gsoSegs = 0 } = context;
  return await addon.progTestRun({ programId, packet, repeat, threads, ifindex, ingressIfindex, gsoSize, gsoSegs });
}

/** Makes the kernel take the time of every BPF program, at some 70 ns a run, until the result is called. */
export function enableBpfRunTime(): () => void {
  return closeOnce([addon.enableBpfRunTime()]);
}

/** Sums since the program was loaded, of the runs while enableBpfRunTime was on. */
export function readBpfRunTime(programId: number): { readonly timeNs: number; readonly runs: number } {
  return addon.readBpfRunTime(programId);
}

function closeOnce(descriptors: number[]): () => void {
  return () => {
    for (const descriptor of descriptors.splice(0)) addon.closeDescriptor(descriptor);
  };
}

function checkInteger(what: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new RangeError(`${what} is ${value}, not a whole number from ${min} to ${max}`);
}
