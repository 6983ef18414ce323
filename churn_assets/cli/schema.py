"""`churn-assets schema`: JSON Schemas with which editors complete and check declarations."""

import json

import click


@click.command()
@click.argument("kind", type=click.Choice(["churn", "contract"]))
def schema(kind: str) -> None:
    """Print the JSON Schema of churn.yaml or of a source contract, for editors.

    \b
      churn-assets schema churn > churn.schema.json
      churn-assets schema contract > contract.schema.json

    An editor with the YAML language server reads the file that the first line of the YAML file names:

    \b
      # yaml-language-server: $schema=churn.schema.json
    """
    from churn_assets.contracts.business import BusinessFile
    from churn_assets.contracts.json_schema import json_schema
    from churn_assets.contracts.odcs import Contract

    click.echo(json.dumps(json_schema(BusinessFile if kind == "churn" else Contract), indent=2))
