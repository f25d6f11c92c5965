/** Brings what a store heard of changes to the dimensions in use: the endpoints concerned are derived again. */

import type { EndpointDimension } from '../table/dimension.ts';
import type { LiveDimensions } from '../table/endpoint-columns.ts';
import type { ChangeFeed } from './changes.ts';

export interface EndpointChanges {
  /** Marks every endpoint dirty that stands for something else since the last look; to be called before a table is named. */
  look(): void;
  close(): void;
}

/** `changed` hears of each endpoint first, for what it keeps beside the columns. */
export function createEndpointChanges(
  feed: ChangeFeed,
  dimensions: LiveDimensions,
  changed: (dimension: EndpointDimension, endpoint: number) => void = () => {},
): EndpointChanges {
  const mark = (dimension: EndpointDimension, endpoint: number) => {
    changed(dimension, endpoint);
    dimension.markDirty(endpoint);
  };
  return {
    look() {
      const { all, addresses } = feed.take();
      for (const address of addresses) {
        for (const [dimension, endpoint] of dimensions.find(address)) mark(dimension, endpoint);
      }
      if (!all) return;
      for (const dimension of dimensions.all()) {
        for (let endpoint = 0; endpoint < dimension.size; endpoint++) mark(dimension, endpoint);
      }
    },
    close: () => feed.close(),
  };
}
