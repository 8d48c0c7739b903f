import { Injectable, type PipeTransform } from '@nestjs/common';
import { DomainError } from '@image-factory/domain';
import { isUuid } from './fields.js';

/** An id in the path: what is no UUID names nothing. */
@Injectable()
export class IdPipe implements PipeTransform<string, string> {
  transform(value: string): string {
    if (isUuid(value)) return value.toLowerCase();
    throw new DomainError({ kind: 'NotFound', reason: 'NotFound', message: 'there is no object of this id' });
  }
}
