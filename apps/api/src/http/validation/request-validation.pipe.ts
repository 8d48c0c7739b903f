import { type ArgumentMetadata, Injectable, type PipeTransform, ValidationPipe } from '@nestjs/common';
import { isPlainObject, refuseIssues, reservedNames, toIssues, VALIDATION_RULES } from './validate-request.js';

/** Nest's own pipe with our rules and our errors; a body that is no object is refused before it. */
@Injectable()
export class RequestValidationPipe implements PipeTransform {
  private readonly pipe = new ValidationPipe({
    ...VALIDATION_RULES,
    transform: true,
    exceptionFactory: (errors) => {
      const issues = toIssues(errors);
      try {
        refuseIssues(issues);
      } catch (error) {
        return error;
      }
      return new Error('validation failed without an issue');
    },
  });

  async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const type = metadata.metatype;
    if (metadata.type === 'custom' || metadata.type === 'param' || type === undefined || type === Object) return value;
    if (metadata.type === 'body' && !isPlainObject(value === undefined ? {} : value)) {
      refuseIssues([{ path: '', message: 'must be a JSON object' }]);
    }
    refuseIssues(reservedNames(value));
    return this.pipe.transform(value ?? {}, metadata);
  }
}
