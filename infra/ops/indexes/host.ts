/** What the server's machine has left. The local tier can look; elsewhere the facts are absent and only the server's errors tell. */
export interface HostFacts {
  /** Free bytes of the data folder's disk. */
  diskFreeBytes?: number;
  /** Free bytes where parallel builds take their memory: /dev/shm, or the data folder with dynamic_shared_memory_type = mmap. */
  sharedMemoryFreeBytes?: number;
  /** That place, for messages. */
  sharedMemoryPlace?: string;
  /** Memory that programs can still get, in bytes. */
  memoryAvailableBytes?: number;
}

export interface HostFactsSource {
  /** @param dynamicSharedMemoryType the server's parameter of that name */
  read(dynamicSharedMemoryType: string): Promise<HostFacts>;
}

/** For servers on machines that cannot be asked. */
export const unknownHost: HostFactsSource = { read: () => Promise.resolve({}) };
