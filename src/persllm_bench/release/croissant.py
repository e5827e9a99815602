"""Croissant 1.0 metadata of the published tables (MLCommons, http://mlcommons.org/croissant/1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from persllm_bench.release.tables import DESCRIPTIONS

VOCABULARY = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
CITATION = (
    "Zeng, Z., et al. (2025). PersLLM: A Personified Training Approach for Large Language Models. "
    "Findings of EMNLP 2025; arXiv 2407.12393."
)


def metadata(
    tables: Mapping[str, pa.Table], hashes: Mapping[str, str], *, url: str, version: str, published: str
) -> dict[str, Any]:
    """The JSON-LD document for tables that lie beside it as `data/<name>.parquet`; hashes: SHA-256 by table.

    published: the day of publication, as 2026-01-31.
    """
    return {
        "@context": VOCABULARY,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "persllm-bench",
        "description": "Items that measure whether a language model really has a given personality at a stage of life.",
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "url": url,
        "version": version,
        "datePublished": published,
        "citeAs": CITATION,
        "distribution": [_file(name, hashes[name]) for name in tables],
        "recordSet": [_records(name, table) for name, table in tables.items()],
        "rai:dataCollection": "Machine-written after documented rules; see the data card.",
        "rai:dataLimitations": "English only; machine-written; historical opinions are inferred. See the data card.",
    }


def _file(name: str, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"{name}.parquet",
        "name": f"{name}.parquet",
        "contentUrl": f"data/{name}.parquet",
        "encodingFormat": "application/x-parquet",
        "sha256": sha256,
    }


def _records(name: str, table: pa.Table) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": DESCRIPTIONS[name],
        "field": [_field(name, column) for column in table.schema],
    }


def _field(table: str, column: pa.Field) -> dict[str, Any]:
    many = pa.types.is_list(column.type)
    field = {
        "@type": "cr:Field",
        "@id": f"{table}/{column.name}",
        "name": column.name,
        "dataType": _data_type(column.type.value_type if many else column.type),
        "source": {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": column.name}},
    }
    return {**field, "repeated": True} if many else field


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
