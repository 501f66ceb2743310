// Type-aware rules for everything, and the one rule of Pulumi's that catches an Output pasted into a string.
import pulumi from '@pulumi/eslint-plugin';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['node_modules/', '.qbench/', 'test/golden/'] },
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@pulumi': pulumi },
    rules: {
      '@pulumi/no-output-in-template-literal': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-extraneous-class': 'off',
      // query<Row>(...) names the shape of an answer that only the caller knows.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // Overflows its stack on recursive types such as JSON values (typescript-eslint 8.73).
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: "CallExpression[callee.property.name='only']", message: 'a test that runs alone hides the others' },
        {
          selector: "CallExpression[callee.property.name='todo']",
          message: 'a test that is not written proves nothing',
        },
      ],
      eqeqeq: 'error',
    },
  },
);
