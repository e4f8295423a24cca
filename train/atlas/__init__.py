"""Making the body atlas: the template body, cutting, unwrapping, orienting, measuring, labelling surfaces."""

from densepose_mobile.train.atlas.template import TemplateMesh, template_mesh

__all__ = ["TemplateMesh", "template_mesh"]
